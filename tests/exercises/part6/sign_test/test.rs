//! Checks the reader's answer to `sign_test`.
exercises::check!("sign_test");
