//! Checks the reader's answer to `accuracy`.
exercises::check!("accuracy");
