//! Checks the reader's answer to `sliding_window`.
exercises::check!("sliding_window");
