//! Checks the reader's answer to `count_pairs`.
exercises::check!("count_pairs");
