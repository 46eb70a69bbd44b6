//! Checks the reader's answer to `angle_of_a_pair`.
exercises::check!("angle_of_a_pair");
