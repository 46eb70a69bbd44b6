//! Checks the reader's answer to `moving_average`.
exercises::check!("moving_average");
