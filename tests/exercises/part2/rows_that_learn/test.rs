//! Checks the reader's answer to `rows_that_learn`.
exercises::check!("rows_that_learn");
