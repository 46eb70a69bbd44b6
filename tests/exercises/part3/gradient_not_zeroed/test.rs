//! Checks the reader's answer to `gradient_not_zeroed`.
exercises::check!("gradient_not_zeroed");
