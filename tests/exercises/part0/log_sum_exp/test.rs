//! Checks the reader's answer to `log_sum_exp`.
exercises::check!("log_sum_exp");
