//! Checks the reader's answer to `dpo_loss`.
exercises::check!("dpo_loss");
