//! Checks the reader's answer to `training_step_from_a_specification`.
exercises::check!("training_step_from_a_specification");
