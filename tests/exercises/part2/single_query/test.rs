//! Checks the reader's answer to `single_query`.
exercises::check!("single_query");
