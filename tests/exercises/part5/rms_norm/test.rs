//! Checks the reader's answer to `rms_norm`.
exercises::check!("rms_norm");
