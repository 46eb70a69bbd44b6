//! Running commands, each of them once.
//!
//! Two recorded outputs may show parts of what one command prints, and two figures may come out of
//! the directory that one command fills.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use mdbook_driver::errors::{Error, Result};
use tempfile::TempDir;

use crate::directive::arguments;

/// A command that was run.
#[derive(Debug)]
pub struct Ran {
    /// What it printed, or why that is none.
    printed: Result<String, String>,
    /// The directory for the files that it writes.
    directory: TempDir,
}

/// The file that `{}` stands for in a command.
const FILE: &str = "figure.svg";

impl Ran {
    /// What the command printed.
    ///
    /// # Errors
    /// When it could not be run, or did not end as it should.
    pub fn printed(&self) -> Result<String> {
        self.printed.clone().map_err(Error::msg)
    }

    /// A file that it wrote into the directory, or that for which `{}` stands.
    pub fn file(&self, name: Option<&str>) -> PathBuf {
        self.directory.path().join(name.unwrap_or(FILE))
    }
}

/// The commands that have been run.
#[derive(Debug, Default)]
pub struct Runs(RefCell<BTreeMap<(String, bool), Rc<Ran>>>);

impl Runs {
    /// A command that was run, and had to succeed.
    pub fn ran(&self, command: &str) -> Option<Rc<Ran>> {
        self.0.borrow().get(&(command.to_string(), false)).cloned()
    }

    /// Runs a command in the repository, or remembers how it was run before.
    ///
    /// before: commands that are run first, with the same directory; each must succeed.
    ///
    /// # Errors
    /// When there is no place for the files that it writes.
    pub fn run(
        &self,
        repository: &Path,
        before: &[String],
        command: &str,
        fails: bool,
    ) -> Result<Rc<Ran>> {
        let key = ([before, &[command.to_string()]].concat().join("\n"), fails);
        if let Some(ran) = self.0.borrow().get(&key) {
            return Ok(ran.clone());
        }
        let directory = tempfile::tempdir()?;
        let file = directory.path().join(FILE);
        let placed = |command: &str| {
            let command = command.replace("{}", &file.to_string_lossy());
            command.replace("{dir}", &directory.path().to_string_lossy())
        };
        let printed = before
            .iter()
            .try_for_each(|command| run(repository, &placed(command), false).map(|_| ()))
            .and_then(|()| run(repository, &placed(command), fails))
            .map(|printed| printed.replace(&*directory.path().to_string_lossy(), "DIR"))
            .map_err(|error| format!("{error:#}"));
        let ran = Rc::new(Ran { printed, directory });
        self.0.borrow_mut().insert(key, ran.clone());
        Ok(ran)
    }
}

/// Runs a command of cargo in the repository; what it prints, errors included. It must succeed, or
/// fail where that is what it shows.
///
/// # Errors
/// When it is not one of cargo's, cannot be started, or does not end as it should.
pub fn run(repository: &Path, command: &str, fails: bool) -> Result<String> {
    let words = arguments(command);
    let Some(("cargo", words)) = words.split_first().map(|(first, rest)| (first.as_str(), rest))
    else {
        return Err(Error::msg(format!("`{command}` does not begin with cargo")));
    };
    // One pipe for both streams, so that the lines keep their order.
    let (mut reader, writer) = std::io::pipe()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    let (sub, rest) = words.split_first().map_or(("", words), |(sub, rest)| (sub.as_str(), rest));
    cargo.arg(sub);
    if sub == "run" && !rest.iter().any(|word| word == "-q" || word == "--quiet") {
        cargo.arg("--quiet"); // what cargo says of itself differs from machine to machine
    }
    cargo.args(rest).current_dir(repository).env("NO_COLOR", "1").env("CARGO_TERM_COLOR", "never");
    cargo.stdin(std::process::Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child =
        cargo.spawn().map_err(|error| Error::msg(format!("cargo cannot be started: {error}")))?;
    drop(cargo); // our ends of the pipe: without this it would never be at its end
    let mut output = Vec::new();
    reader.read_to_end(&mut output)?;
    let status = child.wait()?;
    let output = String::from_utf8_lossy(&output).into_owned();
    if status.success() != fails {
        return Ok(output);
    }
    let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    Err(Error::msg(format!("`{command}` ended with {status}: {last}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cargo_is_run() {
        let refused = run(Path::new("."), "rm -r things", false).unwrap_err().to_string();
        assert_eq!(refused, "`rm -r things` does not begin with cargo");
    }

    #[test]
    fn what_a_command_prints_is_caught_and_a_failure_is_told() {
        assert!(run(Path::new("."), "cargo --version", false).unwrap().starts_with("cargo "));
        let failure = run(Path::new("."), "cargo no-such-command", false).unwrap_err().to_string();
        assert!(failure.starts_with("`cargo no-such-command` ended with"), "{failure}");
        let shown = run(Path::new("."), "cargo no-such-command", true).unwrap();
        assert!(shown.contains("no-such-command"), "{shown}");
        assert!(run(Path::new("."), "cargo --version", true).is_err());
    }

    #[test]
    fn a_command_is_run_once() {
        let runs = Runs::default();
        let once = |command: &str| runs.run(Path::new("."), &[], command, false).unwrap();
        let first = once("cargo --version");
        assert!(Rc::ptr_eq(&first, &once("cargo --version")));
        assert!(first.printed().is_ok() && first.file(None).ends_with(FILE));
        assert!(!Rc::ptr_eq(&first, &once("cargo --list")));
        assert!(runs.ran("cargo --list").is_some() && runs.ran("cargo --help").is_none());
        assert!(once("rm -r things").printed().is_err());
    }

    #[test]
    fn what_must_come_before_is_run_in_the_same_directory() {
        let runs = Runs::default();
        let here = Path::new(".");
        let new = ["cargo new --quiet --vcs none {dir}/made".to_string()];
        let list = "cargo metadata --offline --no-deps --manifest-path {dir}/made/Cargo.toml";
        let ran = runs.run(here, &new, list, false).unwrap();
        assert!(ran.printed().unwrap().contains("made"));
        assert!(runs.run(here, &[], list, false).unwrap().printed().is_err());
        let fails = ["cargo no-such-command".to_string()];
        let why = runs.run(here, &fails, "cargo --version", false).unwrap().printed();
        assert!(why.unwrap_err().to_string().contains("no-such-command"));
    }
}
