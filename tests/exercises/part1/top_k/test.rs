//! Checks the reader's answer to `top_k`.
exercises::check!("top_k");
