//! The commands.

pub mod prepare;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stage01_bigram::screen::refuse;
use stage03_gpt::cli::screen::remark;

/// The same GPT, trained at scale.
#[derive(Parser)]
#[command(name = "stage04_training", version, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// What each does is said where its flags are; a comment here would take the place of that.
#[derive(Subcommand)]
enum Command {
    Prepare(prepare::Flags),
}

/// Runs the command that the arguments name. The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refusal) => return refuse(&refusal),
    };
    let result = match cli.command {
        Command::Prepare(flags) => prepare::prepare(&flags),
    };
    result.unwrap_or_else(|error| {
        remark(format!("error: {error}"));
        ExitCode::FAILURE
    })
}
