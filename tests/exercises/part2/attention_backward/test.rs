//! Checks the reader's answer to `attention_backward`.
exercises::check!("attention_backward");
