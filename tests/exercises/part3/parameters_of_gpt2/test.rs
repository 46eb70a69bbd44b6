//! Checks the reader's answer to `parameters_of_gpt2`.
exercises::check!("parameters_of_gpt2");
