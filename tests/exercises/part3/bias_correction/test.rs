//! Checks the reader's answer to `bias_correction`.
exercises::check!("bias_correction");
