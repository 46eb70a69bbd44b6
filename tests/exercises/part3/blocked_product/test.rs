//! Checks the reader's answer to `blocked_product`.
exercises::check!("blocked_product");
