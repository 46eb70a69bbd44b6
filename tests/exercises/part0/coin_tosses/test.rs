//! Checks the reader's answer to `coin_tosses`.
exercises::check!("coin_tosses");
