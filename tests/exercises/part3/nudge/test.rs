//! Checks the reader's answer to `nudge`.
exercises::check!("nudge");
