//! Checks the reader's answer to `chat_template`.
exercises::check!("chat_template");
