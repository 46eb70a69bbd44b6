//! Checks the reader's answer to `rms_norm_backward`.
exercises::check!("rms_norm_backward");
