//! Checks the reader's answer to `power_of_d`.
exercises::check!("power_of_d");
