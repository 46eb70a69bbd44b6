//! Checks the reader's answer to `zero_point`.
exercises::check!("zero_point");
