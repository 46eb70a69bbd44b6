//! Checks the reader's answer to `look_on_paper`.
exercises::check!("look_on_paper");
