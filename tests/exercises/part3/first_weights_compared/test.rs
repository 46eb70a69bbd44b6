//! Checks the reader's answer to `first_weights_compared`.
exercises::check!("first_weights_compared");
