//! Checks the reader's answer to `best_interval`.
exercises::check!("best_interval");
