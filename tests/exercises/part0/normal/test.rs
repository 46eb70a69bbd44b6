//! Checks the reader's answer to `normal`.
exercises::check!("normal");
