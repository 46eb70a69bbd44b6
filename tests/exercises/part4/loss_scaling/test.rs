//! Checks the reader's answer to `loss_scaling`.
exercises::check!("loss_scaling");
