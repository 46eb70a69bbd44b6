//! Checks the reader's answer to `safetensors_head`.
exercises::check!("safetensors_head");
