//! Checks the reader's answer to `rotary`.
exercises::check!("rotary");
