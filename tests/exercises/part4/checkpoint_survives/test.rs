//! Checks the reader's answer to `checkpoint_survives`.
exercises::check!("checkpoint_survives");
