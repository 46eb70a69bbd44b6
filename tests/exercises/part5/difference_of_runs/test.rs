//! Checks the reader's answer to `difference_of_runs`.
exercises::check!("difference_of_runs");
