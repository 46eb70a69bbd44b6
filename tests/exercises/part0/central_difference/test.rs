//! Checks the reader's answer to `central_difference`.
exercises::check!("central_difference");
