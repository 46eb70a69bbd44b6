//! Checks the reader's answer to `softmax`.
exercises::check!("softmax");
