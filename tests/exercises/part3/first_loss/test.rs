//! Checks the reader's answer to `first_loss`.
exercises::check!("first_loss");
