//! Checks the reader's answer to `cross_entropy_backward`.
exercises::check!("cross_entropy_backward");
