//! Checks the reader's answer to `smoothed_row`.
exercises::check!("smoothed_row");
