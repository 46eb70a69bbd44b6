//! Checks the reader's answer to `size_of_weights`.
exercises::check!("size_of_weights");
