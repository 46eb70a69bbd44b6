//! Checks the reader's answer to `loss_too_good`.
exercises::check!("loss_too_good");
