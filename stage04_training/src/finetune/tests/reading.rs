//! Files: what is read, and what is refused, with its place.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use stage01_bigram::Result;
use stage01_bigram::tokenizer::TokenizerKind;

use super::super::{FinetuneData, Origin, ReadSettings, read};
use super::{learned, model, with_end};
use crate::progress::{Progress, Reporter, Silent};

/// Keeps the lines that are shown.
#[derive(Default)]
struct Shown(RefCell<Vec<String>>);

impl Reporter for Shown {
    fn fact(&self, _: &str, _: &str) {}

    fn line(&self, text: &str) {
        self.0.borrow_mut().push(text.into());
    }

    fn note(&self, _: &str) {}

    fn begin<'a>(&'a self, _: &'static str, _: u64, _: u64) -> Box<dyn Progress + 'a> {
        Box::new(Silent)
    }
}

/// Reads files of these names and contents, and returns what was shown as well. The directory is left
/// out of all messages.
fn read_files(
    files: &[(&str, &[u8])],
    block_size: usize,
    skip_bad: bool,
) -> (std::result::Result<FinetuneData, String>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let place = format!("{}/", directory.path().display());
    let write = |(name, bytes): &(&str, &[u8])| -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let paths: Vec<PathBuf> = files.iter().map(write).collect();
    let shown = Shown::default();
    let settings = ReadSettings { block_size, skip_bad };
    let data: Result<FinetuneData> = read(&paths, &model(with_end(), None), &settings, &shown);
    let data = data.map_err(|error| error.to_string().replace(&place, ""));
    let shown = shown.0.into_inner().iter().map(|line| line.replace(&place, "")).collect();
    (data, shown)
}

fn error(name: &str, bytes: &[u8]) -> String {
    read_files(&[(name, bytes)], 60, false).0.unwrap_err()
}

const GOOD: &str = r#"{"prompt": "the user", "completion": "answers"}"#;

#[test]
fn conversations_and_texts_are_read_together() {
    let lines = format!("\u{feff}{GOOD}\r\n\n{GOOD}");
    let files = [("a.jsonl", lines.as_bytes()), ("b.txt", b"the user\n<|endoftext|>asks")];
    let data = read_files(&files, 60, false).0.unwrap();
    let all: Vec<_> = data.examples.iter().map(|e| learned(e, &with_end()).concat()).collect();
    assert_eq!(all[..2], ["answers<|endoftext|>"; 2]);
    assert_eq!(data.examples[0], data.examples[1]);
    assert_eq!(data.examples[2].origin, Origin::Text);
    assert!(all[2].ends_with("user\n<|endoftext|>") && all[3].ends_with("<|endoftext|>"));
    assert_eq!(all.len(), 4);
    // The content says what a file is, and the name only that a text is one.
    let by_content = read_files(&[("a.json", GOOD.as_bytes())], 60, false).0.unwrap();
    assert_eq!(by_content.examples, data.examples[..1]);
    let text = read_files(&[("a.txt", GOOD.as_bytes())], 99, false).0.unwrap();
    assert_eq!(text.examples[0].origin, Origin::Text);
}

#[test]
fn a_bad_line_is_named_with_its_file() {
    let second = |line: &str| error("a.jsonl", format!("{GOOD}\n{line}\n{GOOD}\n").as_bytes());
    for (line, words) in [
        ("{\"prompt\": \"a", "not a JSON object: EOF while parsing a string (column 13)"),
        (r#"{"question": "a", "answer": "b"}"#, "no known form"),
        (r#"{"messages": [{"role": "tool", "content": "a"}]}"#, "is \"tool\", not system"),
        (r#"{"prompt": "a", "completion": ""}"#, "the answer in message 2 is empty"),
    ] {
        let error = second(line);
        assert!(error.starts_with("a.jsonl:2: ") && error.contains(words), "{error}");
        assert!(error.ends_with("--skip-bad"), "{error}");
    }
    let long = format!("{{\"prompt\": \"a\", \"completion\": \"{}\"}}", "q".repeat(60));
    let error = second(&long);
    assert!(error.contains("tokens, and 60 tokens fit into the block size"), "{error}");
    let bytes = [GOOD.as_bytes(), b"\n{\"prompt\": \"\xff\"}\n"].concat();
    let error = self::error("a.jsonl", &bytes);
    assert!(error.starts_with("a.jsonl:2: not UTF-8 text: found the byte 0xFF"), "{error}");
}

#[test]
fn the_first_ten_bad_lines_are_shown_and_all_counted() {
    let lines = format!("{GOOD}\n{}{GOOD}\n", "{\"a\": 1}\n".repeat(3000));
    let (data, shown) = read_files(&[("a.jsonl", lines.as_bytes())], 60, false);
    let error = data.unwrap_err();
    assert!(error.ends_with("(and 2,999 more lines cannot be used)"), "{error}");
    assert_eq!(shown.len(), 11);
    assert!(shown[9].starts_with("a.jsonl:11: no known form"), "{}", shown[9]);
    assert_eq!(shown[10], "… and 2,990 more");

    let (data, shown) = read_files(&[("a.jsonl", lines.as_bytes())], 60, true);
    let data = data.unwrap();
    assert_eq!((data.examples.len(), data.skipped.count()), (2, 3000));
    assert!(shown.is_empty());
    let error = read_files(&[("a.jsonl", b"{\"a\": 1}\n{}")], 60, true).0.unwrap_err();
    assert!(error.contains("none of its 2 lines can be used"), "{error}");
}

#[test]
fn a_file_that_cannot_be_data_is_refused_as_a_whole() {
    for (name, bytes, words) in [
        ("a.jsonl", &b""[..], "a.jsonl: the file is empty"),
        ("a.txt", b"\xEF\xBB\xBF", "a.txt: the file is empty"),
        ("a.jsonl", b" \n\n", "there is nothing to learn in it"),
        ("a.txt", b" \n\n", "there is nothing to learn in it"),
        ("a.json", b"[{\"prompt\": \"a\", \"completion\": \"b\"}]", "not one object in each line"),
        ("a.jsonl", b"\x1f\x8b\x08\0\0", "it is compressed"),
        ("a.pdf", b"%PDF-1.7\n", "it is a PDF document"),
        ("a.txt", b"one\ntwo\n\xff", "a.txt:3: not UTF-8 text"),
    ] {
        let error = error(name, bytes);
        assert!(error.contains(words), "{error}");
    }
    let settings = ReadSettings { block_size: 60, skip_bad: false };
    let read = |path: PathBuf| read(&[path], &model(with_end(), None), &settings, &Silent);
    let directory = tempfile::tempdir().unwrap();
    assert!(read(directory.path().into()).unwrap_err().to_string().contains("a directory"));
    let missing = read(directory.path().join("none.jsonl")).unwrap_err().to_string();
    assert!(missing.contains("cannot read") && missing.contains("spelling"), "{missing}");
    let error = read_files(&[("a.jsonl", GOOD.as_bytes())], 1, false).0.unwrap_err();
    assert!(error.contains("--block-size = 1"), "{error}");
}

/// A model of characters can learn from a text, and not from conversations.
#[test]
fn a_text_needs_no_end_token() {
    let directory = tempfile::tempdir().unwrap();
    let [text, lines] = ["a.txt", "a.jsonl"].map(|name| directory.path().join(name));
    fs::write(&text, "abba\ncab").unwrap();
    fs::write(&lines, GOOD).unwrap();
    let model = model(TokenizerKind::Char.train("abc\n").unwrap(), None);
    let settings = ReadSettings { block_size: 5, skip_bad: true };
    let read = |path: &PathBuf| read(std::slice::from_ref(path), &model, &settings, &Silent);
    assert_eq!(read(&text).unwrap().examples.len(), 2);
    let error = read(&lines).unwrap_err().to_string();
    assert!(error.contains("no token that ends a text"), "{error}");
    fs::write(&text, "abba\ncXab").unwrap();
    let error = read(&text).unwrap_err().to_string();
    assert!(error.contains("a.txt:2: the character 'X'"), "{error}");
}
