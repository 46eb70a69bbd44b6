//! Checks the reader's answer to `temperature`.
exercises::check!("temperature");
