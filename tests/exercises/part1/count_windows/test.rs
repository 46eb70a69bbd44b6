//! Checks the reader's answer to `count_windows`.
exercises::check!("count_windows");
