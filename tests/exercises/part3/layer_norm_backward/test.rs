//! Checks the reader's answer to `layer_norm_backward`.
exercises::check!("layer_norm_backward");
