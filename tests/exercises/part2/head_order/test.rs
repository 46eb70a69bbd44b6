//! Checks the reader's answer to `head_order`.
exercises::check!("head_order");
