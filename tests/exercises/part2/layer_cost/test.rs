//! Checks the reader's answer to `layer_cost`.
exercises::check!("layer_cost");
