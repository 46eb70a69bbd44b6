//! Checks the reader's answer to `residual_block`.
exercises::check!("residual_block");
