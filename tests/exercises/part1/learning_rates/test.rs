//! Checks the reader's answer to `learning_rates`.
exercises::check!("learning_rates");
