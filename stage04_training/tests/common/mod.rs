//! Shared by the tests of `prepare`: input files in every format, and the program itself.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod archives;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub use archives::*;

/// The command `prepare` in a directory.
pub fn program(directory: &Path, flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stage04_training"));
    command.arg("prepare").args(flags.split_whitespace()).current_dir(directory);
    command
}

/// Runs it; returns both outputs.
pub fn run(directory: &Path, flags: &str) -> Output {
    program(directory, flags).output().unwrap()
}

/// Runs it; it must succeed.
pub fn good(directory: &Path, flags: &str) -> String {
    let output = run(directory, flags);
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{flags}\n{out}\n{err}");
    out + &err
}

/// Runs it; it must fail with an error of one line.
pub fn bad(directory: &Path, flags: &str) -> String {
    let output = run(directory, flags);
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{flags}\n{out}\n{err}");
    let error = err.trim_end().to_string();
    assert!(error.starts_with("error: ") && error.lines().count() == 1, "{flags}\n{error}");
    error
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Writes a file, and creates its directory.
pub fn put(directory: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// All files of a directory, by name.
pub fn content(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let named = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    entries.map(named).collect()
}

/// Only the shards of both parts.
pub fn shards(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    content(directory).into_iter().filter(|(name, _)| name.ends_with(".bin")).collect()
}

pub fn jsonl(documents: &[&str]) -> Vec<u8> {
    let line = |text: &&str| format!("{}\n", serde_json::json!({ "id": 7, "text": text }));
    documents.iter().map(line).collect::<String>().into_bytes()
}

/// `count` different documents of a few hundred bytes, with words that repeat.
pub fn documents(count: usize) -> Vec<String> {
    let words = ["light", "and", "water", "été", "the", "語", "darkness", "upon", "face,", "\n"];
    let mut state = 1u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..count)
        .map(|number| {
            let body: Vec<&str> =
                (0..20 + next() % 80).map(|_| words[next() % words.len()]).collect();
            format!("Document {number}. {}", body.join(" "))
        })
        .collect()
}
