//! Checks the reader's answer to `draw`.
exercises::check!("draw");
