//! Checks the reader's answer to `top_p`.
exercises::check!("top_p");
