//! Checks the reader's answer to `memory_of_heads`.
exercises::check!("memory_of_heads");
