//! Checks the reader's answer to `repetition_penalty`.
exercises::check!("repetition_penalty");
