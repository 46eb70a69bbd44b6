//! Checks the reader's answer to `conditional_probability`.
exercises::check!("conditional_probability");
