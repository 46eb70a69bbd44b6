//! Checks the reader's answer to `lora_forward`.
exercises::check!("lora_forward");
