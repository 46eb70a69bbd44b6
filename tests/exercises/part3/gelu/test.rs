//! Checks the reader's answer to `gelu`.
exercises::check!("gelu");
