//! Checks the reader's answer to `whole_turns`.
exercises::check!("whole_turns");
