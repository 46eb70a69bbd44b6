//! What is typed: from a terminal, with editing and a history, or from a pipe.
//!
//! A message may have several lines: a line that ends in a backslash goes on in the next one, and
//! what is pasted into a terminal is one input, line breaks and all.

use std::io::{self, IsTerminal, StdinLock};
use std::path::{Path, PathBuf};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use stage01_bigram::text::wrap;
use stage01_bigram::{Error, Result};

use super::history;
use super::lines::{LONGEST, read_line};
use crate::cli::screen::{remark, width};

/// How many inputs the history keeps.
const KEPT: usize = 1000;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// A message or a command.
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of the pipe.
    End,
}

/// Where it comes from.
pub enum Keyboard {
    /// A person.
    Terminal {
        /// Edits a line.
        editor: Box<Editor<(), FileHistory>>,
        /// The history, where it is kept.
        history: Option<PathBuf>,
    },
    /// A pipe or a file.
    Pipe(StdinLock<'static>),
}

impl Keyboard {
    /// The standard input. `keep`: whether there is a file with what was typed.
    ///
    /// A history that cannot be kept is no error, and said once.
    ///
    /// # Errors
    /// [`Error::File`] when the terminal cannot be used.
    pub fn open(keep: bool) -> Result<Keyboard> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Ok(Keyboard::Pipe(io::stdin().lock()));
        }
        let config = Config::builder().max_history_size(KEPT).map_err(failed)?.build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        let mut history = None;
        if keep {
            match history::path() {
                Ok(path) => history = path,
                Err(error) => not_kept(&error),
            }
        }
        if let Some(path) = &history
            && let Err(error) = load(&mut editor, path)
        {
            not_kept(&error);
            history = None;
        }
        Ok(Keyboard::Terminal { editor: Box::new(editor), history })
    }

    /// Whether a person sits there.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Keyboard::Terminal { .. })
    }

    /// The next message or command, without the white space behind it.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or is not UTF-8; [`Error::Text`] when it is very
    /// long.
    pub fn read(&mut self) -> Result<Input> {
        let mut text = String::new();
        loop {
            let line = match self.line(if text.is_empty() { "> " } else { "… " })? {
                Input::Text(line) => line,
                Input::End if !text.is_empty() => String::new(),
                other => return Ok(other),
            };
            if text.len() + line.len() > LONGEST as usize {
                if self.is_terminal() {
                    remark(format!("(a message has at most {LONGEST} bytes: this one is dropped)"));
                    return Ok(Input::Text(String::new()));
                }
                let problem = format!("a message has more than {LONGEST} bytes");
                return Err(Error::text("the standard input", problem, "write shorter ones"));
            }
            match line.strip_suffix('\\') {
                Some(begun) => text += &format!("{begun}\n"),
                None => {
                    text += &line;
                    break;
                }
            }
        }
        text.truncate(text.trim_end().len());
        self.keep(&text);
        Ok(Input::Text(text))
    }

    fn line(&mut self, prompt: &str) -> Result<Input> {
        match self {
            Keyboard::Terminal { editor, .. } => match editor.readline(prompt) {
                Ok(line) => Ok(Input::Text(line)),
                Err(ReadlineError::Interrupted) => Ok(Input::Interrupted),
                Err(ReadlineError::Eof) => Ok(Input::End),
                Err(error) => Err(failed(error)),
            },
            Keyboard::Pipe(input) => {
                let line = read_line(input)?;
                match line.strip_suffix('\n') {
                    None if line.is_empty() => Ok(Input::End),
                    None => Ok(Input::Text(line)),
                    Some(text) => Ok(Input::Text(text.trim_end_matches('\r').to_string())),
                }
            }
        }
    }

    /// Adds an input to the history.
    fn keep(&mut self, text: &str) {
        let Keyboard::Terminal { editor, history } = self else { return };
        if text.is_empty() || !editor.add_history_entry(text).unwrap_or(false) {
            return;
        }
        if let Some(path) = history
            && let Err(error) = editor.append_history(path)
        {
            let error = failed_at(path)(error);
            not_kept(&error);
            *history = None;
        }
    }
}

/// Reads the history, and makes sure that it can be written.
fn load(editor: &mut Editor<(), FileHistory>, path: &Path) -> Result<()> {
    match path.exists() {
        true => {
            editor.load_history(path).map_err(|e| Error::file("read", path)(io_error(e)))?;
            editor.append_history(path).map_err(failed_at(path))
        }
        false => editor.save_history(path).map_err(failed_at(path)),
    }
}

/// Says that there is no history.
fn not_kept(error: &Error) {
    remark(wrap(&format!("note: what you type is not kept: {error}"), width(), ""));
}

fn failed(error: ReadlineError) -> Error {
    Error::file("read", "the terminal")(io_error(error))
}

fn failed_at(path: &Path) -> impl FnOnce(ReadlineError) -> Error {
    let path = path.to_path_buf();
    move |error| Error::file("write", path)(io_error(error))
}

fn io_error(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_system_keeps_its_remedy() {
        let denied = ReadlineError::Io(io::ErrorKind::PermissionDenied.into());
        let message = failed_at(Path::new("x"))(denied).to_string();
        assert!(message.contains("ask for the right to write there"), "{message}");
    }
}
