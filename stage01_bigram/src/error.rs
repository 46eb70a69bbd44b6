//! Errors that users and files can cause, with messages that say what to do.
//!
//! Every message answers three questions: what was given, what was expected, what to do. Library
//! functions return these values; the binaries print them in one line and exit with a status other
//! than zero. Panics are for bugs.
//!
//! ```
//! use stage01_bigram::Error;
//!
//! let error = Error::setting("--n-embd", 10, "expected a multiple of 4");
//! assert_eq!(error.to_string(), "--n-embd = 10: expected a multiple of 4");
//! ```

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::{printable, shorten};

/// The result of a function that a user's files or settings can make fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error that a user can cause, in any stage.
///
/// Its message is one line, for any content of the files that it names: characters that could end
/// the line or control a terminal are escaped ([`printable`]), and text from a file is cut after
/// some hundred characters, so that the remedy behind it can be seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write a file.
    File {
        /// The action: `read`, `write`, `create the directory` …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// Another program holds the lock of a directory ([`DirLock`](crate::files::DirLock)).
    Busy {
        /// The directory.
        path: PathBuf,
        /// What to do about it.
        remedy: String,
    },

    /// The text cannot be used as it is.
    Text {
        /// The file that the text came from, or its description.
        origin: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// A character that the tokenizer's vocabulary does not have.
    UnknownCharacter {
        /// The character itself.
        character: char,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
        /// The vocabulary size.
        vocab_size: usize,
    },

    /// A token number that the vocabulary does not have.
    UnknownToken {
        /// The number that was given.
        token: u32,
        /// The vocabulary size.
        vocab_size: usize,
    },

    /// A setting that cannot be used, or several that do not fit together.
    Setting {
        /// The setting's name as the user typed it, such as `--n-embd`.
        setting: String,
        /// The value that was given.
        given: String,
        /// What was expected, and what to do.
        expected: String,
    },

    /// A file that can be read, but has the wrong content.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it: which tensor, which shape, which line.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// The loss is NaN or infinite.
    Diverged {
        /// The iteration whose loss it was.
        iter: usize,
        /// The value: NaN or an infinity.
        loss: f64,
        /// What to do about it, and what was kept.
        remedy: String,
    },

    /// A compute device, such as a GPU, that cannot be used or has failed.
    Device {
        /// The device's name as the user typed it, such as `cuda:0`.
        device: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::File { action, path, source } => {
                format!("cannot {action} {}: {source}{}", path.display(), remedy(action, source))
            }
            Self::Busy { path, remedy } => {
                format!("{}: another program is using this directory; {remedy}", path.display())
            }
            Self::Text { origin, problem, remedy } => {
                format!("{}: {}; {remedy}", short(origin), short(problem))
            }
            Self::UnknownCharacter { character, line, column, vocab_size } => format!(
                "the character {character:?} (U+{:04X}) at line {line}, column {column} is not in \
                 the vocabulary of {vocab_size} characters; train the tokenizer on a text that has \
                 it, or choose a byte-level one (--tokenizer bpe)",
                u32::from(*character)
            ),
            Self::UnknownToken { token, vocab_size } => format!(
                "token {token} does not exist: the vocabulary has {vocab_size} tokens, 0 to {}",
                vocab_size.saturating_sub(1)
            ),
            Self::Setting { setting, given, expected } => {
                format!("{setting} = {}: {expected}", short(given))
            }
            Self::Format { path, problem, remedy } => {
                format!("{}: {}; {remedy}", path.display(), short(problem))
            }
            Self::Diverged { iter, loss, remedy } => {
                format!("the loss became {loss} at iteration {iter}; {remedy}")
            }
            Self::Device { device, problem, remedy } => format!("{device}: {problem}; {remedy}"),
        };
        f.write_str(&printable(&text))
    }
}

/// Text that may come from a file, escaped and cut.
fn short(text: &str) -> Cow<'_, str> {
    /// Longer than any message of this program.
    const LONGEST: usize = 600;
    // An escape is longer than its character, so the beginning is enough.
    let end = text.char_indices().nth(LONGEST + 1).map_or(text.len(), |(end, _)| end);
    match printable(&text[..end]) {
        Cow::Borrowed(text) => shorten(text, LONGEST),
        Cow::Owned(text) => Cow::Owned(shorten(&text, LONGEST).into_owned()),
    }
}

/// What to do about an error of the operating system, where its kind tells.
fn remedy(action: &str, source: &io::Error) -> &'static str {
    use io::ErrorKind::*;
    let reading = action == "read";
    match source.kind() {
        NotFound if reading => "; check the spelling of the path",
        NotFound => "; the directory is not there, or was moved: create it, or name another",
        PermissionDenied if reading => "; ask for the right to read it",
        PermissionDenied => "; ask for the right to write there, or name another place",
        ReadOnlyFilesystem => "; name a place that can be written",
        StorageFull | QuotaExceeded => {
            "; free some space on the disk and run the command again: what was saved before is whole"
        }
        IsADirectory => "; this is a directory, name a file in it",
        NotADirectory => "; a part of the path is a file, name a directory",
        AlreadyExists => "; name another place",
        InvalidFilename => "; choose a shorter name, without special characters",
        _ => "",
    }
}

impl Error {
    /// A closure for `map_err`: adds the file and the action to an error of the operating system.
    ///
    /// ```
    /// use stage01_bigram::Error;
    /// let missing = std::fs::read("no such file").map_err(Error::file("read", "no such file"));
    /// assert!(missing.unwrap_err().to_string().starts_with("cannot read no such file"));
    /// ```
    pub fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| Error::File { action, path, source }
    }

    /// A file with the wrong content.
    pub fn format(
        path: impl AsRef<Path>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        let path = path.as_ref().to_path_buf();
        Error::Format { path, problem: problem.into(), remedy: remedy.into() }
    }

    /// A setting that cannot be used.
    pub fn setting(
        setting: impl Into<String>,
        given: impl ToString,
        expected: impl Into<String>,
    ) -> Error {
        Error::Setting {
            setting: setting.into(),
            given: given.to_string(),
            expected: expected.into(),
        }
    }

    /// The error of every trainer for an empty text.
    pub(crate) fn empty_text() -> Error {
        Error::text("the text", "it is empty", "give a text with at least one character")
    }

    /// A loss or a weight that is NaN or infinite, found before it was saved.
    pub fn diverged(iter: usize, loss: f64) -> Error {
        let remedy = "the last checkpoint was kept; resume from it with a smaller --learning-rate \
                      or a --grad-clip";
        Error::Diverged { iter, loss, remedy: remedy.into() }
    }

    /// A loss or a gradient that is NaN or infinite, found before the weights were updated.
    pub fn diverged_gradient(iter: usize, loss: f64, grad_norm: f64) -> Error {
        let remedy = format!(
            "the norm of its gradient is {grad_norm}; the weights are as they were before this \
             step; resume from the last checkpoint with a smaller --learning-rate or a --grad-clip"
        );
        Error::Diverged { iter, loss, remedy }
    }

    /// A text that cannot be used.
    pub fn text(
        origin: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        Error::Text { origin: origin.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_for_any_file_name() {
        let error =
            Error::format("a\nb\u{1b}[31m", "the tensor x\r\u{202e}y is missing", "restore it");
        let expected = r"a\nb\u{1b}[31m: the tensor x\r\u{202e}y is missing; restore it";
        assert_eq!(error.to_string(), expected);
        assert_eq!(Error::setting("--text", "\n", "no").to_string(), r"--text = \n: no");
    }

    #[test]
    fn a_message_is_short_for_any_content_of_a_file() {
        let long = "\n\u{1b}é".repeat(100_000);
        for error in [
            Error::format("recipe.toml", format!("{long} is not a setting"), "see train --help"),
            Error::setting("--device", &long, "see train --help"),
            Error::text(&*long, &*long, "see train --help"),
        ] {
            let text = error.to_string();
            assert!(text.chars().count() < 1_500, "{} characters", text.chars().count());
            assert!(text.contains("…") && text.ends_with("see train --help"), "{text}");
        }
    }

    #[test]
    fn errors_of_the_system_come_with_a_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let text = |action, result: io::Result<Vec<u8>>| {
            Error::file(action, "x")(result.unwrap_err()).to_string()
        };
        let missing = std::fs::read(directory.path().join("none"));
        assert!(text("read", missing).ends_with("; check the spelling of the path"));
        let directory = std::fs::read(directory.path());
        if cfg!(unix) {
            assert!(text("read", directory).ends_with("; this is a directory, name a file in it"));
        }
        let full = Err(io::ErrorKind::StorageFull.into());
        assert!(text("write", full).contains("free some space"));
    }
}
