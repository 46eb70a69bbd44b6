//! Checks the reader's answer to `windows`.
exercises::check!("windows");
