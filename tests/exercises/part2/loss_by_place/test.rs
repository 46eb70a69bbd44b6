//! Checks the reader's answer to `loss_by_place`.
exercises::check!("loss_by_place");
