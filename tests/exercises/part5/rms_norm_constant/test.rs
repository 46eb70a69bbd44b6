//! Checks the reader's answer to `rms_norm_constant`.
exercises::check!("rms_norm_constant");
