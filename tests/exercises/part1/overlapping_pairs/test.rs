//! Checks the reader's answer to `overlapping_pairs`.
exercises::check!("overlapping_pairs");
