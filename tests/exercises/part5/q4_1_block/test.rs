//! Checks the reader's answer to `q4_1_block`.
exercises::check!("q4_1_block");
