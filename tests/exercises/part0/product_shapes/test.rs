//! Checks the reader's answer to `product_shapes`.
exercises::check!("product_shapes");
