//! Checks the reader's answer to `downhill`.
exercises::check!("downhill");
