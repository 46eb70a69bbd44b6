//! The program as its user sees it: what it prints, and its error messages.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stage02_attention"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

/// Runs the program, expects it to succeed in silence, and returns what it printed.
fn shown(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the program, expects it to fail, and returns the one line it says.
fn error(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{arguments:?}: {said}");
    assert!(said.starts_with("error: ") && said.lines().count() == 1, "{arguments:?}: {said}");
    said
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

/// A run that takes no time.
const QUICK: [&str; 10] = [
    "--max-iters",
    "20",
    "--eval-interval",
    "10",
    "--n-embd",
    "8",
    "--n-head",
    "2",
    "--block-size",
    "16",
];

fn check_lines(shown: &str) {
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");
    for line in shown.lines() {
        assert!(line.chars().count() <= 76, "too wide: {line}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn the_whole_tour() {
    let (_directory, text) = small_text();
    let arguments = [&["--text", word(&text)], &QUICK[..]].concat();
    // Names of temporary files may be long; all else fits.
    let tour = shown(&arguments).replace(word(&text), "FILE");
    for part in [
        "FILE: 1,720 characters,",
        "ATTENTION LEARNS",
        "One layer of attention, 2 heads, embedding width 8,",
        "  counted bigram, sees one ",
        "WHAT IT WRITES",
        "ATTENTION WEIGHTS",
        "  encoder            decoder          cross",
        "WHY SCORES ARE DIVIDED BY sqrt(d)",
        "█",
    ] {
        assert!(tour.contains(part), "{part:?} is missing in:\n{tour}");
    }
    check_lines(&tour);
    let steps = tour.lines().filter(|line| line.split_whitespace().count() == 4);
    let steps: Vec<&str> = steps.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(steps.starts_with(&["0", "10", "20"]), "{steps:?}");
    // The same again: the same. Another seed: another run.
    assert_eq!(shown(&arguments).replace(word(&text), "FILE"), tour);
    assert_ne!(shown(&[&arguments[..], &["--seed", "2"]].concat()), tour);
}

#[test]
fn on_the_built_in_text_it_soon_passes_the_bigram() {
    let shown = shown(&["train", "--max-iters", "500", "--max-new-tokens", "0"]);
    let number = |line: &str| -> f64 {
        let line = shown.lines().find(|l| l.trim_start().starts_with(line)).unwrap();
        line.split_whitespace().next_back().unwrap().parse().unwrap()
    };
    let (bigram, attention) = (number("counted bigram, sees one"), number("attention, sees up to"));
    assert!((bigram - 2.3279).abs() < 1e-3, "{bigram}");
    assert!(attention < 2.29, "{attention}");
}

#[test]
fn masks_hide_what_they_should() {
    let shown = shown(&["masks"]);
    check_lines(&shown);
    let rows: Vec<&str> = shown.lines().filter(|line| line.contains("   the ")).collect();
    assert_eq!(rows.len(), 1);
    // The first word of the decoder sees itself alone; the encoder's sees all five.
    assert!(rows[0].contains("   the ██        "), "{}", rows[0]);
    assert_ne!(shown, self::shown(&["masks", "--seed", "2"]));
}

#[test]
fn the_scaling_experiment() {
    let shown = shown(&["scaling"]);
    check_lines(&shown);
    let row = |name: &str| -> Vec<Vec<f64>> {
        let half = shown.split(name).nth(1).unwrap();
        let number = |word: &str| word.trim_end_matches('%').parse().unwrap();
        let rows = half.lines().skip(1).take(5);
        rows.map(|line| line.split_whitespace().map(number).collect()).collect()
    };
    for row in row("scores as they are") {
        assert!((row[1] / row[0] - 1.0).abs() < 0.15, "{row:?}");
    }
    for row in row("divided by sqrt(d)") {
        assert!((row[1] - 1.0).abs() < 0.15, "{row:?}");
    }
}

#[test]
fn pictures_are_written() {
    let (directory, text) = small_text();
    let out = directory.path().join("new").join("pictures");
    let heatmap = ["heatmap", "--text", word(&text), "--out", word(&out), "--prompt", "to be"];
    shown(&[&heatmap[..], &QUICK].concat());
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    for (name, words) in [("heads.svg", "head 1: 5 rows"), ("masks.svg", "decoder: 4 rows")] {
        let svg = read(name);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains(words));
    }
    let train = ["train", "--text", word(&text), "--out-dir", word(&out)];
    shown(&[&train[..], &QUICK].concat());
    assert!(read("loss.svg").contains("counted bigram"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let (_directory, text) = small_text();
    let arguments = ["train", "--text", word(&text), "--max-new-tokens", "20000"];
    let mut child = program(&[&arguments[..], &QUICK].concat())
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
fn settings_that_cannot_be_used() {
    let (_directory, text) = small_text();
    let said = |more: &[&str]| error(&[&["train", "--text", word(&text)], more].concat());
    for (given, answer) in [
        (
            &["--n-embd", "10", "--n-head", "3"][..],
            "--n-embd = 10: it must be a multiple of --n-head = 3",
        ),
        (&["--n-embd", "0"], "--n-embd = 0: expected at least 1"),
        (&["--n-head", "0"], "--n-head = 0: expected at least 1"),
        (&["--block-size", "0"], "--block-size = 0: expected at least 1"),
        (&["--block-size", "200"], "--block-size = 200: a window and its targets need 201 tokens"),
        (&["--batch-size", "0"], "--batch-size = 0: expected at least 1"),
        (&["--eval-interval", "0"], "--eval-interval = 0: expected at least 1"),
        (&["--learning-rate", "NaN"], "--learning-rate = NaN: expected a positive number"),
        (&["--learning-rate=-1"], "--learning-rate = -1: expected a positive number"),
        (&["--learning-rate", "1e9"], "the loss became "),
        (&["--n-embd", "1000000"], "--n-embd = 1000000: training would need "),
        (&["--block-size", "18446744073709551615"], "--block-size = 18446744073709551615: "),
        (&["--batch-size", "18446744073709551615"], "--batch-size = 18446744073709551615: "),
        // What the parser of the command line refuses.
        (&["--n-embd", "many"], "invalid value 'many' for '--n-embd <N>'"),
        (&["--max-iters", "99999999999999999999"], "invalid value '99999999999999999999'"),
        (&["--seed", "-1"], "unexpected argument '-1' found"),
        (&["--colour"], "unexpected argument '--colour' found"),
    ] {
        let said = said(given);
        assert!(said.starts_with(&format!("error: {answer}")), "{given:?}: {said}");
    }
    assert!(error(&["trian"]).contains("'trian'"));
    assert!(error(&["--seed", "1", "masks"]).contains("cannot be used with"));
}

#[test]
fn prompts_that_cannot_be_drawn() {
    let (directory, text) = small_text();
    let out = directory.path().join("out");
    let said = |prompt: &str| {
        let arguments = ["heatmap", "--text", word(&text), "--out", word(&out), "--prompt", prompt];
        error(&[&arguments[..], &QUICK].concat())
    };
    assert!(said("").contains("--prompt = \"\": its length is 0"));
    assert!(said("to be or not to be").contains("expected 1 to 16 characters"));
    assert!(said("why?").contains("the character 'w' (U+0077) at line 1, column 1"));
}

#[test]
fn texts_and_places_that_cannot_be_used() {
    let (directory, text) = small_text();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let missing = directory.path().join("missing");
    assert!(error(&["--text", word(&missing)]).contains("cannot read"));
    assert!(error(&["--text", word(&file("empty", b""))]).contains("the file is empty"));
    assert!(error(&["--text", word(&file("latin", b"caf\xe9"))]).contains("not UTF-8"));
    assert!(error(&["--text", word(&file("one", b"a"))]).contains("longer text"));
    assert!(error(&["--text", word(&file("short", b"to be or not"))]).contains("longer text"));
    // A file stands where a directory should be. Known before anything is learned.
    let out = text.join("out");
    for command in ["train", "heatmap"] {
        let arguments = [command, "--text", word(&text), "--out-dir", word(&out)];
        let said = error(&[&arguments[..], &QUICK].concat());
        assert!(said.contains("cannot create the directory"), "{said}");
    }
}

#[test]
fn the_smallest_that_works() {
    let (directory, _) = small_text();
    let path = directory.path().join("tiny");
    fs::write(&path, "ab".repeat(10)).unwrap();
    let sizes = ["--n-embd", "1", "--n-head", "1", "--block-size", "1", "--batch-size", "1"];
    let tour = ["--text", word(&path), "--max-iters", "1", "--eval-interval", "1"];
    assert!(shown(&[&tour[..], &sizes].concat()).contains("1 head, embedding width 1"));
    shown(&["train", "--text", word(&path), "--max-iters", "0", "--block-size", "1"]);
    // A text without line ends, of one character only.
    fs::write(&path, "a".repeat(40)).unwrap();
    shown(&[&tour[..], &sizes].concat());
}

#[test]
fn help_is_a_page_to_read() {
    for (arguments, part) in [
        (
            &["--help"][..],
            "Attention: a model in which every token can attend to all tokens before it.",
        ),
        (&["train", "--help"], "gradient descent with momentum"),
        (&["masks", "--help"], "A GPT is a decoder"),
        (&["scaling", "--help"], "Draws random queries and keys"),
        (&["heatmap", "--help"], "DIR/heads.svg"),
    ] {
        let page = shown(arguments);
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 80));
    }
    assert!(shown(&["--version"]).starts_with("stage02_attention "));
}
