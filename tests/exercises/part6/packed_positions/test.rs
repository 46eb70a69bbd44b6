//! Checks the reader's answer to `packed_positions`.
exercises::check!("packed_positions");
