//! Checks the reader's answer to `matmul`.
exercises::check!("matmul");
