//! Checks the reader's answer to `grouped_columns`.
exercises::check!("grouped_columns");
