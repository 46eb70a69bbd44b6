//! Checks the reader's answer to `parameters_of_a_gpt`.
exercises::check!("parameters_of_a_gpt");
