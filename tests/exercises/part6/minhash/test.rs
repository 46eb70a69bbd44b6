//! Checks the reader's answer to `minhash`.
exercises::check!("minhash");
