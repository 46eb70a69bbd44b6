//! Checks the reader's answer to `never_settles`.
exercises::check!("never_settles");
