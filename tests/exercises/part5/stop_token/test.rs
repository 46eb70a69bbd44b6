//! Checks the reader's answer to `stop_token`.
exercises::check!("stop_token");
