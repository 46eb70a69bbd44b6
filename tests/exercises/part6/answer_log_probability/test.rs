//! Checks the reader's answer to `answer_log_probability`.
exercises::check!("answer_log_probability");
