//! Shared by the tests of the program: a small text, a small model, and a way to run commands.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The flags of a model whose training takes little time. The peak speed is given and not measured.
pub const TINY: &str = "--tokenizer char --n-layer 1 --n-head 2 --n-embd 16 --block-size 8 \
                        --batch-size 4 --eval-iters 1 --threads 2 --peak-tflops 0.1";

/// The files of a checkpoint.
pub const STATE: &str = "trainer.safetensors";
pub const MODEL: &str = "model.safetensors";

/// A directory with a text in it, where commands run.
pub struct Place {
    directory: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let lines = (1..=60).map(|i| format!("The quick fox {i} sees {} lazy dogs.\n", i * i));
        fs::write(directory.path().join("text.txt"), lines.collect::<String>()).unwrap();
        Place { directory }
    }

    /// A place with a trained model in the directory `model`.
    pub fn with_model() -> Place {
        let place = Place::new();
        place.train("--out-dir model --max-iters 4").succeeds();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The lines of a run's log.
    pub fn log(&self, directory: &str) -> Vec<Value> {
        let text = self.text(&format!("{directory}/log.jsonl"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts that two directories have the same checkpoint, byte by byte.
    pub fn same(&self, one: &str, other: &str) {
        for file in [MODEL, STATE, "config.json", "tokenizer.json"] {
            let read = |directory| self.read(&format!("{directory}/{file}"));
            assert!(read(one) == read(other), "{file} of {one} and {other} differ");
        }
    }

    /// The directory in which the text of the place was prepared.
    pub fn data(&self) -> String {
        let mut directories = fs::read_dir(self.path("data")).unwrap();
        let name = directories.next().unwrap().unwrap().file_name().into_string().unwrap();
        format!("data/{name}")
    }

    /// The program with arguments separated by spaces, on a terminal of 60 columns.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stage04_training"));
        command.current_dir(self.directory.path()).args(arguments.split_whitespace());
        command.env("COLUMNS", "60").stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &str) -> Finished {
        Finished::new(arguments, self.command(arguments).output().unwrap())
    }

    /// Trains the small model on the small text.
    pub fn train(&self, arguments: &str) -> Finished {
        self.run(&format!("train --text text.txt {TINY} {arguments}"))
    }

    /// Every file of the place with its content, to check that nothing was changed.
    pub fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(directory: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => walk(&path, all),
                    false => all.push((path.clone(), fs::read(&path).unwrap())),
                }
            }
        }
        let mut all = Vec::new();
        walk(self.directory.path(), &mut all);
        all.sort();
        all
    }
}

/// A finished command.
pub struct Finished {
    pub command: String,
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

impl Finished {
    pub fn new(command: &str, output: Output) -> Finished {
        Finished {
            command: command.to_string(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Asserts that it succeeded, without colours or long lines in its output.
    pub fn succeeds(self) -> Finished {
        let Finished { command, out, err, code } = &self;
        assert_eq!(*code, Some(0), "{command}\n{out}{err}");
        let free = ["sample", "recipes", "eval"].iter().any(|name| command.starts_with(name));
        for line in out.lines().filter(|_| !free) {
            let length = line.chars().count();
            assert!(length <= 60, "{command}: a line of {length} characters\n{line}");
        }
        assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "{command}: colours");
        self
    }

    /// Asserts that it failed, with an error of one line that has all these words.
    pub fn refuses(self, words: &[&str]) -> Finished {
        let Finished { command, err, code, .. } = &self;
        assert_eq!(*code, Some(1), "{command}\n{err}");
        assert!(err.starts_with("error: ") && err.lines().count() == 1, "{command}\n{err}");
        for word in words {
            assert!(err.contains(word), "{command}: no {word:?} in\n{err}");
        }
        self
    }
}
