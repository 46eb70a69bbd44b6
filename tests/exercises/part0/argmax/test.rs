//! Checks the reader's answer to `argmax`.
exercises::check!("argmax");
