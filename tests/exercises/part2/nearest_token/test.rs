//! Checks the reader's answer to `nearest_token`.
exercises::check!("nearest_token");
