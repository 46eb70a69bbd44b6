//! Checks the reader's answer to `gradient_check`.
exercises::check!("gradient_check");
