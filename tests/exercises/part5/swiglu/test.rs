//! Checks the reader's answer to `swiglu`.
exercises::check!("swiglu");
