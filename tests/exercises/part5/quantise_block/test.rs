//! Checks the reader's answer to `quantise_block`.
exercises::check!("quantise_block");
