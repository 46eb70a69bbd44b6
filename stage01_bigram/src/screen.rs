//! The common part of all command-line programs: parsing, errors, exit status.
//!
//! A command writes plain text to the standard output. It ends in one of three ways: with success;
//! with a one-line error message that says what a user can do; or silently, because its output was
//! closed (`| head`).
//!
//! ```
//! use std::io::Write;
//! use stage01_bigram::screen::{self, Stop};
//! use stage01_bigram::text::thousands;
//!
//! #[derive(clap::Parser)]
//! struct Options {}
//!
//! fn main() -> std::process::ExitCode {
//!     screen::main(|_: Options, out| -> Result<(), Stop> {
//!         Ok(writeln!(out, "{} tokens", thousands(50_257))?)
//!     })
//! }
//! ```
//!
//! What this file leaves out: formatting of text, which libraries need as well ([`crate::text`]).

use std::io::{self, ErrorKind, StdoutLock, Write};
use std::process::ExitCode;

use crate::Error;

/// Why a command stops early.
#[derive(Debug)]
pub enum Stop {
    /// An error that the user can correct.
    Error(Error),
    /// The output cannot be written.
    Output(io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// A whole program: parses the command line, runs the command, reports errors.
pub fn main<C: clap::Parser>(
    run: impl FnOnce(C, &mut StdoutLock) -> std::result::Result<(), Stop>,
) -> ExitCode {
    match C::try_parse() {
        Ok(command) => end(run(command, &mut io::stdout().lock())),
        Err(refusal) => refuse(&refusal),
    }
}

/// The exit status of a command, and its error in one line.
pub fn end(result: std::result::Result<(), Stop>) -> ExitCode {
    let message = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Stop::Output(e)) if e.kind() == ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Err(Stop::Output(e)) => format!("cannot write the output: {e}"),
        Err(Stop::Error(e)) => e.to_string(),
    };
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::FAILURE
}

/// The end of a program whose command line cannot be parsed (status 2), or asks for help.
pub fn refuse(refusal: &clap::Error) -> ExitCode {
    if !refusal.use_stderr() {
        let _ = refusal.print(); // --help or --version
        return ExitCode::SUCCESS;
    }
    // The first paragraph names the error; the rest is advice, which --help gives better.
    let text = refusal.to_string();
    let first = text.split("\n\n").next().unwrap_or(&text);
    let words: Vec<&str> = first.trim_start_matches("error: ").split_whitespace().collect();
    let _ = writeln!(io::stderr(), "error: {}; --help lists what can be given", words.join(" "));
    ExitCode::from(2)
}
