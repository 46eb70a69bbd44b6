//! Checks the reader's answer to `gate_and_up`.
exercises::check!("gate_and_up");
