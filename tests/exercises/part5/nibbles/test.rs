//! Checks the reader's answer to `nibbles`.
exercises::check!("nibbles");
