//! Checks the reader's answer to `sequences_of_a_batch`.
exercises::check!("sequences_of_a_batch");
