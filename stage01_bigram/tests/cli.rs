//! The program as its user sees it: what it prints, and its error messages.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;
use tempfile::TempDir;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stage01_bigram"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

/// A directory with a small text in it, and the text's path.
fn small_text() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text.txt");
    fs::write(&path, "To be, or not to be: that is the question.\n".repeat(40)).unwrap();
    (directory, path)
}

fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the program, expects it to fail, and returns the one line it says.
fn error(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{arguments:?}: {said}");
    assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
    said
}

#[test]
fn the_whole_tour() {
    let (directory, text) = small_text();
    let picture = directory.path().join("loss.svg");
    let arguments = ["--text", word(&text), "--steps", "30", "--plot", word(&picture)];
    let output = run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
    let shown = String::from_utf8(output.stdout).unwrap();
    for part in [
        "1,720 bytes, 1,720 characters, 18 different ones",
        "To be, or not to be: that is the question.",
        "  T  o ␣ b e , ␣  o  r ␣",
        "THE COUNTED BIGRAM",
        "THE LEARNED BIGRAM",
        "  counted, validation ",
        "WHAT IT WRITES",
        "█",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");
    for line in shown.lines().filter(|line| !line.contains(word(directory.path()))) {
        assert!(line.chars().count() <= 76, "too wide: {line}");
        assert_eq!(line, line.trim_end());
    }
    assert!(fs::read_to_string(&picture).unwrap().starts_with("<svg"));
    // The same again: the same.
    assert_eq!(String::from_utf8(run(&arguments).stdout).unwrap(), shown);
    // Another seed: other examples, another text.
    let other = run(&[&arguments[..], &["--seed", "2"]].concat());
    assert_ne!(String::from_utf8(other.stdout).unwrap(), shown);
}

#[test]
fn the_learned_loss_comes_near_the_counted_one() {
    let (_directory, text) = small_text();
    let shown = run(&["--text", word(&text), "--steps", "1000"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let row = shown.lines().find(|line| line.trim_start().starts_with("1000 ")).unwrap();
    let above: f64 = row.split_whitespace().next_back().unwrap().parse().unwrap();
    assert!((0.0..0.02).contains(&above), "{row}");
}

#[test]
fn other_tokenizers_and_no_steps_at_all() {
    let (_directory, text) = small_text();
    let plain = ["--text", word(&text), "--tokenizer", "bpe:260", "--block-size", "8"];
    for more in [&["--steps", "0"], &["--steps", "1"], &["--max-new-tokens", "0"]] {
        let output = run(&[&plain[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8(output.stdout).unwrap().contains("a vocabulary of 260 tokens"));
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let (_directory, text) = small_text();
    let mut child = program(&["--text", word(&text), "--steps", "0", "--max-new-tokens", "300000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "THE TEXT\n");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert_eq!(said, "");
}

#[test]
fn texts_that_cannot_be_used() {
    let (directory, text) = small_text();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    assert!(error(&["--text", "no-such-file"]).contains("cannot read no-such-file"));
    assert!(error(&["--text", word(directory.path())]).contains("cannot read"));
    assert!(error(&["--text", word(&file("empty", b""))]).contains("the file is empty"));
    let latin = file("latin", b"fine\ncaf\xe9");
    assert!(
        error(&["--text", word(&text), word(&latin)]).contains("begins with 0xE9 (byte 8, line 2)")
    );
    let short = file("short", b"0123456789abcdefghij");
    assert!(error(&["--text", word(&short)]).contains("a window and its targets need 33 tokens"));
    let single = file("single", b"x");
    assert!(error(&["--text", word(&single)]).contains("--train-fraction"));
    let tail = error(&["--text", word(&short), "--train-fraction", "0.95", "--block-size", "2"]);
    assert!(tail.contains("it has 1 tokens"), "{tail}");
}

#[test]
fn settings_that_cannot_be_used() {
    let (directory, text) = small_text();
    for (option, value, says) in [
        ("--tokenizer", "words", "expected char, bpe"),
        ("--tokenizer", "bpe:3", "256"),
        ("--train-fraction", "1", "above 0 and below 1"),
        ("--train-fraction", "nan", "above 0 and below 1"),
        ("--smoothing", "-1", "0 or a positive number"),
        ("--learning-rate", "0", "above 0"),
        ("--batch-size", "0", "at least 1"),
        ("--block-size", "0", "at least 1"),
        ("--block-size", "99999999999", "at most 1547"),
        ("--plot", word(&directory.path().join("missing/loss.svg")), "cannot write"),
    ] {
        let said = error(&["--text", word(&text), "--steps", "1", &format!("{option}={value}")]);
        assert!(said.contains(says), "{said}");
    }
    assert!(!run(&["--no-such-option"]).status.success());
}

#[test]
fn the_help_is_a_page_to_read() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(help.starts_with("The first language model"));
    for option in ["--text", "--tokenizer", "--steps", "--seed", "--plot"] {
        assert!(help.contains(option), "{option}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 80));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_text_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), utf8: String) {
        let directory = tempfile::tempdir().unwrap();
        for content in [bytes, utf8.into_bytes()] {
            let path = directory.path().join("any");
            fs::write(&path, content).unwrap();
            let output = run(&["--text", word(&path), "--steps", "2", "--block-size", "3"]);
            let said = String::from_utf8(output.stderr).unwrap();
            prop_assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
            prop_assert!(!said.contains("panicked"), "{said}");
        }
    }
}
