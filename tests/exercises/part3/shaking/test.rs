//! Checks the reader's answer to `shaking`.
exercises::check!("shaking");
