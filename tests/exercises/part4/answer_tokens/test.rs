//! Checks the reader's answer to `answer_tokens`.
exercises::check!("answer_tokens");
