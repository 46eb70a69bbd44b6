//! Checks the reader's answer to `size_of_scores`.
exercises::check!("size_of_scores");
