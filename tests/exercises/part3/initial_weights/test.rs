//! Checks the reader's answer to `initial_weights`.
exercises::check!("initial_weights");
