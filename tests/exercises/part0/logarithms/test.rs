//! Checks the reader's answer to `logarithms`.
exercises::check!("logarithms");
