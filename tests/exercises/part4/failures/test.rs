//! Checks the reader's answer to `failures`.
exercises::check!("failures");
