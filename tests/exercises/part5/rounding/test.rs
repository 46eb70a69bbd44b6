//! Checks the reader's answer to `rounding`.
exercises::check!("rounding");
