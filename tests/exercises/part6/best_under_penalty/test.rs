//! Checks the reader's answer to `best_under_penalty`.
exercises::check!("best_under_penalty");
