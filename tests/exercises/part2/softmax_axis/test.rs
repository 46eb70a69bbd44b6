//! Checks the reader's answer to `softmax_axis`.
exercises::check!("softmax_axis");
