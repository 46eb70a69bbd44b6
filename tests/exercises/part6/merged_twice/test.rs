//! Checks the reader's answer to `merged_twice`.
exercises::check!("merged_twice");
