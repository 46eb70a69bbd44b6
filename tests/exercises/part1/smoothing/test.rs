//! Checks the reader's answer to `smoothing`.
exercises::check!("smoothing");
