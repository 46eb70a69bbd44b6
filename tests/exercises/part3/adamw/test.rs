//! Checks the reader's answer to `adamw`.
exercises::check!("adamw");
