//! Checks the reader's answer to `schedule`.
exercises::check!("schedule");
