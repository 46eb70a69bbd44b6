//! Checks the reader's answer to `dice`.
exercises::check!("dice");
