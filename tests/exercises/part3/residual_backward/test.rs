//! Checks the reader's answer to `residual_backward`.
exercises::check!("residual_backward");
