//! The book's program. Everything is in the library; [`book::cli`] knows the commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    book::cli::main(std::env::args_os())
}
