//! Checks the reader's answer to `momentum`.
exercises::check!("momentum");
