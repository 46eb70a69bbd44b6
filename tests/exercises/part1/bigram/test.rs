//! Checks the reader's answer to `bigram`.
exercises::check!("bigram");
