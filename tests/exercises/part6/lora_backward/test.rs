//! Checks the reader's answer to `lora_backward`.
exercises::check!("lora_backward");
