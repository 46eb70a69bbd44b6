//! Checks the reader's answer to `roofline`.
exercises::check!("roofline");
