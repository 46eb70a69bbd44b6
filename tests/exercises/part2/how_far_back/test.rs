//! Checks the reader's answer to `how_far_back`.
exercises::check!("how_far_back");
