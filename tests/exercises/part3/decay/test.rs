//! Checks the reader's answer to `decay`.
exercises::check!("decay");
