//! Checks the reader's answer to `equal_weights`.
exercises::check!("equal_weights");
