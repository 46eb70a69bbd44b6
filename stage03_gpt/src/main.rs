//! `cargo run -p stage03_gpt`: see [`stage03_gpt::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    stage03_gpt::cli::main(std::env::args_os())
}
