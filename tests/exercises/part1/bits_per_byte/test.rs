//! Checks the reader's answer to `bits_per_byte`.
exercises::check!("bits_per_byte");
