//! Checks the reader's answer to `score_on_paper`.
exercises::check!("score_on_paper");
