//! Checks the reader's answer to `kv_cache`.
exercises::check!("kv_cache");
