//! Checks the reader's answer to `linear_backward`.
exercises::check!("linear_backward");
