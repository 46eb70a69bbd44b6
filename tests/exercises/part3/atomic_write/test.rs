//! Checks the reader's answer to `atomic_write`.
exercises::check!("atomic_write");
