//! Checks the reader's answer to `replay_tokens`.
exercises::check!("replay_tokens");
