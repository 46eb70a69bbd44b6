//! Checks the reader's answer to `clip`.
exercises::check!("clip");
