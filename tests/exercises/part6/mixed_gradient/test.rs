//! Checks the reader's answer to `mixed_gradient`.
exercises::check!("mixed_gradient");
