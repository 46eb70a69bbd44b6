//! Checks the reader's answer to `lora_parameters`.
exercises::check!("lora_parameters");
