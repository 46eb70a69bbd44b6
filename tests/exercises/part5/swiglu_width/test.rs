//! Checks the reader's answer to `swiglu_width`.
exercises::check!("swiglu_width");
