//! Checks the reader's answer to `best_of_many`.
exercises::check!("best_of_many");
