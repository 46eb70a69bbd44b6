//! Checks the reader's answer to `feistel`.
exercises::check!("feistel");
