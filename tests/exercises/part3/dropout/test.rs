//! Checks the reader's answer to `dropout`.
exercises::check!("dropout");
