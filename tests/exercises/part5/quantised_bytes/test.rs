//! Checks the reader's answer to `quantised_bytes`.
exercises::check!("quantised_bytes");
