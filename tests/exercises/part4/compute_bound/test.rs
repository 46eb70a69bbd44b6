//! Checks the reader's answer to `compute_bound`.
exercises::check!("compute_bound");
