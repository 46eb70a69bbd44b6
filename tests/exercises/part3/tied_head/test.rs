//! Checks the reader's answer to `tied_head`.
exercises::check!("tied_head");
