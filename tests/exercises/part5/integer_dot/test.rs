//! Checks the reader's answer to `integer_dot`.
exercises::check!("integer_dot");
