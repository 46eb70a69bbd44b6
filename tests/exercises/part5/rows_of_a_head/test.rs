//! Checks the reader's answer to `rows_of_a_head`.
exercises::check!("rows_of_a_head");
