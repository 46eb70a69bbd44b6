//! Checks the reader's answer to `merge`.
exercises::check!("merge");
