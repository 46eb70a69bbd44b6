//! Checks the reader's answer to `context_shift`.
exercises::check!("context_shift");
