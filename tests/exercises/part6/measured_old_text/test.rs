//! Checks the reader's answer to `measured_old_text`.
exercises::check!("measured_old_text");
