//! Checks the reader's answer to `chain_rule`.
exercises::check!("chain_rule");
