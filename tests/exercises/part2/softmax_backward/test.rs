//! Checks the reader's answer to `softmax_backward`.
exercises::check!("softmax_backward");
