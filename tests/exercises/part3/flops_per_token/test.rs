//! Checks the reader's answer to `flops_per_token`.
exercises::check!("flops_per_token");
