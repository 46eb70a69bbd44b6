//! Checks the reader's answer to `sum_of_logs`.
exercises::check!("sum_of_logs");
