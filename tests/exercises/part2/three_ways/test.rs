//! Checks the reader's answer to `three_ways`.
exercises::check!("three_ways");
