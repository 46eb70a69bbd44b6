//! Checks the reader's answer to `epochs_and_steps`.
exercises::check!("epochs_and_steps");
