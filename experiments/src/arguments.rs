//! The arguments of an experiment, and the exit status of the program.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use stage01_bigram::screen;
use stage01_bigram::text::printable;

/// The result of an experiment: nothing, or an error for the user.
pub type Outcome = Result<(), Box<dyn Error>>;

/// The arguments as text.
///
/// # Errors
/// When one of them is not UTF-8.
pub fn text(arguments: impl Iterator<Item = OsString>) -> Result<Vec<String>, Box<dyn Error>> {
    let text = |argument: OsString| {
        let refusal = |given: OsString| format!("{given:?} is not UTF-8").into();
        argument.into_string().map_err(refusal)
    };
    arguments.map(text).collect()
}

/// Refuses any argument.
///
/// # Errors
/// When there is one.
pub fn none(arguments: &[String]) -> Outcome {
    arguments.first().map_or(Ok(()), |unknown| Err(takes_no(unknown)))
}

/// The error for an argument that an experiment does not know.
pub fn takes_no(unknown: &str) -> Box<dyn Error> {
    format!("this experiment takes no `{}`", printable(unknown)).into()
}

/// The file of `--plot FILE`, the only flag that is accepted.
///
/// # Errors
/// When another argument is given, or the file is missing.
pub fn plot(arguments: &[String]) -> Result<Option<&Path>, Box<dyn Error>> {
    match arguments {
        [] => Ok(None),
        [flag, file] if flag == "--plot" => Ok(Some(Path::new(file))),
        [flag] if flag == "--plot" => Err("--plot: name the file to write, like loss.svg".into()),
        [flag, _, unknown, ..] if flag == "--plot" => Err(takes_no(unknown)),
        [unknown, ..] => Err(takes_no(unknown)),
    }
}

/// The flags of an experiment that has its own.
///
/// # Errors
/// When they are wrong, or when help was asked for: the message of clap.
pub fn parse<Flags: Parser>(
    name: &'static str,
    arguments: &[String],
) -> Result<Flags, Box<dyn Error>> {
    let command = Flags::command()
        .no_binary_name(true)
        .name(name)
        .bin_name(format!("cargo run -p experiments -- {name}"));
    let mut matches = command.try_get_matches_from(arguments)?;
    Ok(Flags::from_arg_matches_mut(&mut matches)?)
}

/// The exit status of the program. An error is printed on one line.
pub fn end(outcome: Outcome) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    if let Some(refusal) = error.downcast_ref::<clap::Error>() {
        return screen::refuse(refusal);
    }
    let closed = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
    if error.downcast_ref().is_some_and(closed) {
        return ExitCode::SUCCESS; // the reader has seen enough
    }
    let message = error.to_string();
    let _ = writeln!(io::stderr(), "error: {}", message.replace('\n', " "));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plotted(arguments: &[&str]) -> Result<Option<String>, String> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.into()).collect();
        let file = plot(&arguments).map_err(|error| error.to_string())?;
        Ok(file.map(|file| file.display().to_string()))
    }

    #[test]
    fn a_plot_has_a_file_and_nothing_else_is_understood() {
        assert_eq!(plotted(&[]), Ok(None));
        assert_eq!(plotted(&["--plot", "a.svg"]), Ok(Some("a.svg".into())));
        assert_eq!(plotted(&["--plto", "a"]), Err("this experiment takes no `--plto`".into()));
        assert_eq!(plotted(&["--plot", "a", "b"]), Err("this experiment takes no `b`".into()));
        assert!(plotted(&["--plot"]).unwrap_err().contains("name the file"));
        assert!(none(&[]).is_ok() && none(&["x".into()]).is_err());
    }
}
