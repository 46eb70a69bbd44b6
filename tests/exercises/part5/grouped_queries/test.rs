//! Checks the reader's answer to `grouped_queries`.
exercises::check!("grouped_queries");
