//! Checks the reader's answer to `characters`.
exercises::check!("characters");
