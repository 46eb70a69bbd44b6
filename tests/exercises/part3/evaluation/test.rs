//! Checks the reader's answer to `evaluation`.
exercises::check!("evaluation");
