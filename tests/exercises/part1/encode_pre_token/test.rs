//! Checks the reader's answer to `encode_pre_token`.
exercises::check!("encode_pre_token");
