//! Checks the reader's answer to `gradient_check_of_a_model`.
exercises::check!("gradient_check_of_a_model");
