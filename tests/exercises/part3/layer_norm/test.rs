//! Checks the reader's answer to `layer_norm`.
exercises::check!("layer_norm");
