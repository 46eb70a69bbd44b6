//! Checks the reader's answer to `shards`.
exercises::check!("shards");
