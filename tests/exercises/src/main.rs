//! `cargo run -p exercises`: see [`exercises::companion`].

use std::process::ExitCode;

fn main() -> ExitCode {
    exercises::companion::main()
}
