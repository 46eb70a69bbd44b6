//! Checks the reader's answer to `items_needed`.
exercises::check!("items_needed");
