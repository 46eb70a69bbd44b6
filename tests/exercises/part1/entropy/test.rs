//! Checks the reader's answer to `entropy`.
exercises::check!("entropy");
