//! Checks the reader's answer to `gguf_bytes`.
exercises::check!("gguf_bytes");
