//! Checks the reader's answer to `feed_forward`.
exercises::check!("feed_forward");
