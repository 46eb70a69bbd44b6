//! Shared by the tests of the programs of stages 3 and 4: a place with a text, where commands run.
//!
//! It is included as a module. The module around it says which program is tested, `PROGRAM`, and
//! the flags of a small model, `TINY`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rand::RngExt;
use stage01_bigram::random::Generator;
use tempfile::TempDir;

/// The refusal of a directory that another program has locked.
pub const BUSY: &str = "another program is using this directory; wait until it has finished, or name \
                        another --out-dir";

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

    /// A place where a model has been trained: in the directory `model`.
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

    /// The program, with arguments that are separated by spaces, on a page of 60 columns.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(super::PROGRAM);
        command.current_dir(self.directory.path()).args(arguments.split_whitespace());
        command.env("COLUMNS", "60").stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &str) -> Finished {
        Finished::new(arguments, self.command(arguments).output().unwrap())
    }

    /// Starts the program, with its output in pipes.
    pub fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts the program, and waits until it has printed its first byte.
    pub fn start_and_wait(&self, arguments: &str) -> Child {
        let mut child = self.start(arguments);
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    /// The names of the entries of the place.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Trains the small model on the small text.
    pub fn train(&self, arguments: &str) -> Finished {
        self.run(&format!("train --text text.txt {} {arguments}", super::TINY))
    }

    /// Starts the program, and kills it at a random moment of the next milliseconds.
    pub fn kill_within(&self, milliseconds: u64, arguments: &str, rng: &mut Generator) {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(rng.random_range(0..1000 * milliseconds)));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs two commands at the same time. At most one is refused, because the other one has the
    /// directory; returns how many.
    pub fn pair(&self, commands: [&str; 2]) -> usize {
        let children = commands.map(|command| self.start(command));
        let ends = children.map(|child| child.wait_with_output().unwrap());
        let mut refused = 0;
        for (command, output) in commands.iter().zip(ends) {
            let end = Finished::new(command, output);
            if end.code == Some(0) {
                end.succeeds();
            } else {
                end.refuses(&[BUSY]);
                refused += 1;
            }
        }
        assert!(refused < 2, "{commands:?}: both were refused");
        refused
    }

    /// Every file under the place with its content, to see that nothing was changed.
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

/// A command that has ended.
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

    /// Asserts success, and an output without colours and long lines. JSON, the text of a model
    /// and recipes are printed unchanged, and may have long ones.
    pub fn succeeds(self) -> Finished {
        let Finished { command, out, err, code } = &self;
        assert_eq!(*code, Some(0), "{command}\n{out}{err}");
        let unchanged = ["sample", "recipes"].iter().any(|name| command.starts_with(name));
        for line in out.lines().filter(|line| !unchanged && !line.starts_with('{')) {
            let length = line.chars().count();
            assert!(length <= 60, "{command}: a line of {length} characters\n{line}");
        }
        assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "{command}: colours");
        self
    }

    /// Asserts a failure with a one-line error that contains all these words.
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
