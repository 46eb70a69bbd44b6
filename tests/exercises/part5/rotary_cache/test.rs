//! Checks the reader's answer to `rotary_cache`.
exercises::check!("rotary_cache");
