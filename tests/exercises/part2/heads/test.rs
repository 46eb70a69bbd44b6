//! Checks the reader's answer to `heads`.
exercises::check!("heads");
