//! Checks the reader's answer to `visible_pairs`.
exercises::check!("visible_pairs");
