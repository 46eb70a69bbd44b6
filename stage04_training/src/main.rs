//! `cargo run -p stage04_training`: see [`stage04_training::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    stage04_training::cli::main(std::env::args_os())
}
