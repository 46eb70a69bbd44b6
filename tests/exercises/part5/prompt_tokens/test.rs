//! Checks the reader's answer to `prompt_tokens`.
exercises::check!("prompt_tokens");
