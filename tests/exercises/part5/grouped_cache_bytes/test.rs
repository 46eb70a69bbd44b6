//! Checks the reader's answer to `grouped_cache_bytes`.
exercises::check!("grouped_cache_bytes");
