//! Checks the reader's answer to `training_step`.
exercises::check!("training_step");
