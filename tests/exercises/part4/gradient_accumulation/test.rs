//! Checks the reader's answer to `gradient_accumulation`.
exercises::check!("gradient_accumulation");
