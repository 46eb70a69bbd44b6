//! Checks the reader's answer to `targets_of_answers`.
exercises::check!("targets_of_answers");
