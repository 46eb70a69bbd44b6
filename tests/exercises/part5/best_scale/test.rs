//! Checks the reader's answer to `best_scale`.
exercises::check!("best_scale");
