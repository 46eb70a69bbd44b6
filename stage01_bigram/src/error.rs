//! What can go wrong through no fault of the program, said so that a reader can act on it.
//!
//! Every message answers three questions: what was given, what was expected, what to do.
//! Library functions return these values; the binaries print them in one line and exit with
//! a status other than zero. Panics are kept for bugs.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::{printable, shorten};

/// The result of anything that a user's files or settings can make fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything a user can cause, in every stage.
///
/// Its text is one line, whatever stands in the files that it speaks of: what could end the line
/// or control a terminal is written as an escape ([`printable`]), and what a file says is cut after
/// some hundred characters, so that the remedy behind it is seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write a file.
    File {
        /// What was being done: `read`, `write`, `create the directory` …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
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
        /// The file the text came from, or a word for it.
        origin: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// A character that the tokenizer has never seen.
    UnknownCharacter {
        /// The character itself.
        character: char,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
        /// How many characters the vocabulary has.
        vocab_size: usize,
    },

    /// A token number that the vocabulary does not have.
    UnknownToken {
        /// The number that was given.
        token: u32,
        /// How many tokens there are.
        vocab_size: usize,
    },

    /// One setting, or several that do not fit together.
    Setting {
        /// The setting's name as the user typed it, such as `--n-embd`.
        setting: String,
        /// The value that was given.
        given: String,
        /// What was expected, and what to do.
        expected: String,
    },

    /// A file that exists and could be read, but does not hold what it should.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it: which tensor, which shape, which line.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// The loss is no longer a number.
    Diverged {
        /// The iteration whose loss it was.
        iter: usize,
        /// The value: NaN or an infinity.
        loss: f64,
        /// What to do about it, and what was kept.
        remedy: String,
    },

    /// A device that computes, such as a GPU, cannot be used or gave up.
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

/// What may come from a file, fit for a line and no longer than that.
fn short(text: &str) -> Cow<'_, str> {
    /// More than any message of ours has.
    const LONGEST: usize = 600;
    // An escape is longer than what it stands for, so the beginning is enough.
    let end = text.char_indices().nth(LONGEST + 1).map_or(text.len(), |(end, _)| end);
    match printable(&text[..end]) {
        Cow::Borrowed(text) => shorten(text, LONGEST),
        Cow::Owned(text) => Cow::Owned(shorten(&text, LONGEST).into_owned()),
    }
}

/// What to do where the operating system refused, as far as its reason tells.
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
    /// A closure for `map_err`: says which file it was and what was being done to it.
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

    /// A file whose content is not what it should be.
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

    /// What every trainer says of a text with nothing in it.
    pub(crate) fn empty_text() -> Error {
        Error::text("the text", "it is empty", "give a text with at least one character")
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
    fn a_message_is_one_line_whatever_a_file_is_called() {
        let error =
            Error::format("a\nb\u{1b}[31m", "the tensor x\r\u{202e}y is missing", "restore it");
        let expected = r"a\nb\u{1b}[31m: the tensor x\r\u{202e}y is missing; restore it";
        assert_eq!(error.to_string(), expected);
        assert_eq!(Error::setting("--text", "\n", "no").to_string(), r"--text = \n: no");
    }

    #[test]
    fn a_message_is_short_however_much_a_file_says() {
        let long = "\n\u{1b}é".repeat(100_000);
        for error in [
            Error::format("recipe.toml", format!("{long} is no setting"), "see train --help"),
            Error::setting("--device", &long, "see train --help"),
            Error::text(&*long, &*long, "see train --help"),
        ] {
            let text = error.to_string();
            assert!(text.chars().count() < 1_500, "{} characters", text.chars().count());
            assert!(text.contains("…") && text.ends_with("see train --help"), "{text}");
        }
    }

    #[test]
    fn what_the_system_refuses_comes_with_something_to_do() {
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
