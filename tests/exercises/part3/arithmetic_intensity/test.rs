//! Checks the reader's answer to `arithmetic_intensity`.
exercises::check!("arithmetic_intensity");
