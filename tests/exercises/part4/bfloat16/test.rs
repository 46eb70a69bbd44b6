//! Checks the reader's answer to `bfloat16`.
exercises::check!("bfloat16");
