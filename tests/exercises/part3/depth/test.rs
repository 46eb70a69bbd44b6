//! Checks the reader's answer to `depth`.
exercises::check!("depth");
