//! Checks the reader's answer to `rank_of_a_change`.
exercises::check!("rank_of_a_change");
