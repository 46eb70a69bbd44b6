//! Checks the reader's answer to `cross_entropy`.
exercises::check!("cross_entropy");
