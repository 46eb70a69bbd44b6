//! Checks the reader's answer to `choose_an_ending`.
exercises::check!("choose_an_ending");
