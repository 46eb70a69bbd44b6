//! Checks the reader's answer to `order_of_heads`.
exercises::check!("order_of_heads");
