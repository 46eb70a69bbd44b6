//! The first stage on the screen.

fn main() {}
