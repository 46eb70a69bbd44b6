//! Checks the reader's answer to `attention_from_a_specification`.
exercises::check!("attention_from_a_specification");
