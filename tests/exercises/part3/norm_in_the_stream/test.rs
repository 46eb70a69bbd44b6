//! Checks the reader's answer to `norm_in_the_stream`.
exercises::check!("norm_in_the_stream");
