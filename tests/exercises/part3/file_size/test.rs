//! Checks the reader's answer to `file_size`.
exercises::check!("file_size");
