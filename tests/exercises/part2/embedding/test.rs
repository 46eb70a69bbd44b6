//! Checks the reader's answer to `embedding`.
exercises::check!("embedding");
