//! Checks the reader's answer to `cache_bytes`.
exercises::check!("cache_bytes");
