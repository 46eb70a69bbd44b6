//! Checks the reader's answer to `causal_attention`.
exercises::check!("causal_attention");
