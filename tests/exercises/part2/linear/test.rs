//! Checks the reader's answer to `linear`.
exercises::check!("linear");
