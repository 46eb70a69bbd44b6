//! Checks the reader's answer to `early_stopping`.
exercises::check!("early_stopping");
