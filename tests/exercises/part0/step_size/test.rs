//! Checks the reader's answer to `step_size`.
exercises::check!("step_size");
