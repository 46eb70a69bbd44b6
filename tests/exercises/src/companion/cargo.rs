//! Compiles and runs the check of one exercise.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use stage01_bigram::{Error, Result};

/// What became of a compilation.
pub enum Compiled {
    /// The program.
    Program(PathBuf),
    /// The messages of the compiler.
    Errors(String),
}

/// A line of cargo's messages, as far as it is of interest.
#[derive(Deserialize)]
struct Line {
    target: Option<Target>,
    executable: Option<PathBuf>,
    message: Option<Message>,
}

/// What a message is about. Besides the test, cargo names the program of this package.
#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    rendered: Option<String>,
    #[serde(default)]
    spans: Vec<serde_json::Value>,
}

/// Compiles a test of this package.
///
/// # Errors
/// When cargo cannot be started, or fails without a message of the compiler.
pub fn compile(test: &str, colours: bool) -> Result<Compiled> {
    let format = if colours { "json-diagnostic-rendered-ansi" } else { "json" };
    let output = cargo()
        .args(["build", "-q", "-p", "exercises", "--test", test])
        .arg(format!("--message-format={format}"))
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::File { action: "start", path: "cargo".into(), source })?;
    let (mut program, mut errors) = (None, String::new());
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
        let wanted = |target: &Target| target.name == test && target.kind == ["test"];
        if line.target.as_ref().is_some_and(wanted) {
            program = line.executable.or(program);
        }
        // The last message, "aborting due to …", has no place in a file.
        if let Some(Message { level, rendered: Some(text), spans }) = line.message
            && level == "error"
            && !spans.is_empty()
        {
            errors += &text;
        }
    }
    match program {
        Some(program) if output.status.success() => Ok(Compiled::Program(program)),
        _ if !errors.is_empty() => Ok(Compiled::Errors(errors)),
        _ => Err(Error::Text {
            origin: format!("cargo build -p exercises --test {test}"),
            problem: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            remedy: "run this command by hand to see all of it".into(),
        }),
    }
}

/// Cargo, in this repository.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    command
}
