//! Checks the reader's answer to `swamping`.
exercises::check!("swamping");
