//! The reader's files: `answers/partN/NAME.rs` at the root of the repository, and what is kept
//! beside them.
//!
//! - `.originals/partN/NAME.rs` is the stub that a file began as (the build script writes it);
//! - `.passed/NAME.rs` is the text that passed its check;
//! - `.hints/NAME` says how many hints were read;
//! - `.gpt/parts.rs` says of which files the reader's own GPT is made, and beside it are the solutions
//!   of its parts;
//! - `.old/NAME-K.rs` are files that `reset` has replaced.
//!
//! Every exercise has its own files, so two companions at once do each other no harm. Each file
//! is written under another name first and then renamed.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use stage01_bigram::files::{create_directory, read_text, write_bytes};
use stage01_bigram::{Error, Result};

use crate::exercise::Exercise;
use crate::gpt;

/// The directory of the reader's files.
#[derive(Clone, Debug)]
pub struct Answers {
    directory: PathBuf,
}

/// How far the reader has come with an exercise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The file is as it was laid out.
    New,
    /// The file was changed and has not passed.
    Begun,
    /// The file passed its check.
    Passed,
    /// The file passed, and was changed afterwards.
    ChangedSince,
}

impl Answers {
    /// Those of this repository.
    pub fn here() -> Answers {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().unwrap_or(root);
        Answers::at(root.join("answers"))
    }

    /// Those in some directory.
    pub fn at(directory: impl Into<PathBuf>) -> Answers {
        Answers { directory: directory.into() }
    }

    /// The reader's file.
    pub fn file(&self, exercise: &Exercise) -> PathBuf {
        self.directory.join(exercise.part).join(format!("{}.rs", exercise.name))
    }

    /// The file as the reader types it: relative to the root of the repository.
    pub fn name(exercise: &Exercise) -> String {
        format!("answers/{}/{}.rs", exercise.part, exercise.name)
    }

    /// The reader's text.
    ///
    /// # Errors
    /// When there is no such file, or it is no text.
    pub fn text(&self, exercise: &Exercise) -> Result<String> {
        read_text(&self.file(exercise))
    }

    /// Lays out a file that is missing. Says whether it was.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn lay_out(&self, exercise: &Exercise) -> Result<bool> {
        let missing = !self.file(exercise).exists();
        if missing {
            self.reset(exercise)?;
        }
        Ok(missing)
    }

    /// How far the reader has come.
    pub fn state(&self, exercise: &Exercise) -> State {
        let text = match fs::read_to_string(self.file(exercise)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return State::New,
            text => text.unwrap_or_default(),
        };
        match fs::read_to_string(self.passed_file(exercise)) {
            Ok(passed) if passed == text => State::Passed,
            Ok(_) => State::ChangedSince,
            Err(_) if text == exercise.stub_text => State::New,
            Err(_) => State::Begun,
        }
    }

    /// Whether the course has changed this exercise since the reader has begun it.
    pub fn is_outdated(&self, exercise: &Exercise) -> bool {
        let original = self.directory.join(".originals").join(exercise.part);
        let original = fs::read_to_string(original.join(format!("{}.rs", exercise.name)));
        original.is_ok_and(|original| original != exercise.stub_text)
    }

    /// Records that this text has passed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record_passed(&self, exercise: &Exercise, text: &str) -> Result<()> {
        self.write(&self.passed_file(exercise), text)
    }

    /// How many hints were read.
    pub fn hints(&self, exercise: &Exercise) -> usize {
        let text = fs::read_to_string(self.hints_file(exercise)).unwrap_or_default();
        text.trim().parse().unwrap_or(0).min(exercise.hints.len())
    }

    /// Records how many hints were read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record_hints(&self, exercise: &Exercise, hints: usize) -> Result<()> {
        self.write(&self.hints_file(exercise), &format!("{hints}\n"))
    }

    /// Lays the stub out anew. What was there is kept under the name that is returned.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn reset(&self, exercise: &Exercise) -> Result<Option<PathBuf>> {
        let file = self.file(exercise);
        let mut kept = None;
        if let Ok(bytes) = fs::read(&file)
            && bytes != exercise.stub_text.as_bytes()
        {
            kept = Some(self.keep(exercise, &bytes)?);
        }
        // The record first: without it, the file counts as one that has not passed.
        match fs::remove_file(self.passed_file(exercise)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let path = self.passed_file(exercise);
                return Err(Error::File { action: "remove", path, source: error });
            }
            _ => {}
        }
        self.write(&file, exercise.stub_text)?;
        let original = self.directory.join(".originals").join(exercise.part);
        self.write(&original.join(format!("{}.rs", exercise.name)), exercise.stub_text)?;
        Ok(kept)
    }

    /// Chooses the parts of the reader's own GPT: the files of these exercises are the reader's,
    /// all other parts are the solutions'.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn choose_parts(&self, own: &[&Exercise]) -> Result<()> {
        let mut text = String::from("// Written by `cargo run -p exercises -- gpt`.\n");
        for exercise in gpt::parts::exercises() {
            let name = exercise.name;
            let own = own.iter().any(|own| own.name == name);
            let solution = self.directory.join(".gpt").join(name).join("solution.rs");
            if !own && !solution.exists() {
                self.write(&solution, exercise.solution_text)?;
            }
            let file = if own { self.file(exercise) } else { solution };
            text +=
                &format!("#[allow(warnings, clippy::all)]\n#[path = {file:?}]\npub mod {name};\n");
        }
        text += "#[allow(unused_imports)]\nmod given {\n    pub use super::*;\n}\n";
        let path = self.directory.join(".gpt").join("parts.rs");
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(()); // the same program: nothing to compile
        }
        self.write(&path, &text)
    }

    /// Keeps a copy of what is replaced, under the first name that is free.
    fn keep(&self, exercise: &Exercise, bytes: &[u8]) -> Result<PathBuf> {
        let old = self.directory.join(".old");
        create_directory(&old)?;
        let mut k = 1;
        loop {
            let path = old.join(format!("{}-{k}.rs", exercise.name));
            let created = OpenOptions::new().write(true).create_new(true).open(&path);
            let written = match created {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    k += 1;
                    continue;
                }
                Err(error) => Err(error),
                Ok(mut file) => file.write_all(bytes).and_then(|()| file.sync_all()),
            };
            return match written {
                Ok(()) => Ok(path),
                Err(source) => Err(Error::File { action: "write", path, source }),
            };
        }
    }

    fn passed_file(&self, exercise: &Exercise) -> PathBuf {
        self.directory.join(".passed").join(format!("{}.rs", exercise.name))
    }

    fn hints_file(&self, exercise: &Exercise) -> PathBuf {
        self.directory.join(".hints").join(exercise.name)
    }

    fn write(&self, path: &Path, text: &str) -> Result<()> {
        create_directory(path.parent().unwrap_or(&self.directory))?;
        write_bytes(path, text.as_bytes())
    }
}
