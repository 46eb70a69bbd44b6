//! Checks the reader's answer to `feed_forward_parameters`.
exercises::check!("feed_forward_parameters");
