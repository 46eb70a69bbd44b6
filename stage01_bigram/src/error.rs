//! What can go wrong through no fault of the program, said so that a reader can act on it.
//!
//! Every message answers three questions: what was given, what was expected, what to do.
//! Library functions return these values; the binaries print them in one line and exit with
//! a status other than zero. Panics are kept for bugs.

use std::io;
use std::path::{Path, PathBuf};

/// The result of anything that a user's files or settings can make fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything a user can cause, in every stage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write a file.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was being done: `read`, `write`, `create the folder` …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The text cannot be used as it is.
    #[error("{origin}: {problem}; {remedy}")]
    Text {
        /// The file the text came from, or a word for it.
        origin: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// A character that the tokenizer has never seen.
    #[error(
        "the character {character:?} (U+{:04X}) at line {line}, column {column} is not in the \
         vocabulary of {vocab_size} characters; train the tokenizer on a text that has it, or \
         choose a byte-level one (--tokenizer bpe)", u32::from(*character)
    )]
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
    #[error("token {token} does not exist: the vocabulary has {vocab_size} tokens, 0 to {}", vocab_size.saturating_sub(1))]
    UnknownToken {
        /// The number that was given.
        token: u32,
        /// How many tokens there are.
        vocab_size: usize,
    },

    /// One setting, or several that do not fit together.
    #[error("{setting} = {given}: {expected}")]
    Setting {
        /// The setting's name as the user typed it, such as `--n-embd`.
        setting: String,
        /// The value that was given.
        given: String,
        /// What was expected, and what to do.
        expected: String,
    },

    /// A file that exists and could be read, but does not hold what it should.
    #[error("{}: {problem}; {remedy}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it: which tensor, which shape, which line.
        problem: String,
        /// What to do about it.
        remedy: String,
    },

    /// The loss is no longer a number.
    #[error("the loss became {loss} at iteration {iter}; {remedy}")]
    Diverged {
        /// The iteration whose loss it was.
        iter: usize,
        /// The value: NaN or an infinity.
        loss: f64,
        /// What to do about it, and what was kept.
        remedy: String,
    },

    /// A device that computes, such as a GPU, cannot be used or gave up.
    #[error("{device}: {problem}; {remedy}")]
    Device {
        /// The device's name as the user typed it, such as `cuda:0`.
        device: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
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

    /// A text that cannot be used.
    pub fn text(
        origin: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        Error::Text { origin: origin.into(), problem: problem.into(), remedy: remedy.into() }
    }
}
