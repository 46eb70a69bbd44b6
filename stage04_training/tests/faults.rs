//! Faults of each kind in the input: the error names the place, and only the fault is lost.

#![cfg(feature = "cli")]

mod common;

use std::path::Path;

use common::*;
use stage04_training::manifest::Manifest;

/// A file with a fault between two good files: its error, and the result of `--on-error skip`.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// Parts of the error.
    expected: Vec<&'static str>,
    /// The number of documents and of faults with `--on-error skip`.
    left: (u64, u64),
}

fn cases() -> Vec<Case> {
    let case = |name, bytes: Vec<u8>, expected: &[&'static str], left| Case {
        name,
        bytes,
        expected: expected.to_vec(),
        left,
    };
    let text = documents(300).join("\n").into_bytes();
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let flipped = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xFF;
        bytes
    };
    let good: &[u8] = b"a good one";
    let two = tar(&[("x.txt", good), ("y.txt", b"caf\xE9")]);
    vec![
        case("b.txt", vec![], &["b.txt: the file is empty"], (2, 1)),
        case("b.txt", b"one\ntwo \xFF".into(), &["b.txt:2: not UTF-8", "0xFF", "iconv"], (2, 1)),
        case("b.txt.gz", half(gzip(&text)), &["b.txt.gz: it is cut short"], (2, 1)),
        case("b.txt.xz", half(xz(&text)), &["b.txt.xz: it is"], (2, 1)),
        case("b.txt.zst", half(zstd(&text)), &["b.txt.zst: it is cut short"], (2, 1)),
        case("b.txt.gz", flipped(gzip(&text)), &["b.txt.gz: it is"], (2, 1)),
        case("b.txt.xz", flipped(xz(&text)), &["b.txt.xz: it is"], (2, 1)),
        case("b.txt.gz", b"plain".into(), &["its name says gzip"], (2, 1)),
        case("b.txt.gz", gzip(b""), &["b.txt.gz: the file is empty"], (2, 1)),
        case(
            "b.jsonl",
            b"{\"text\": \"x\"}\n\n{\"text\": \"y\n".into(),
            &["b.jsonl:3: not a JSON object"],
            (3, 1),
        ),
        case(
            "b.jsonl",
            b"{\"text\": \"x\"}\n{\"body\": 1}\n".into(),
            &["b.jsonl:2: no field \"text\" in \"body\"", "--field"],
            (3, 1),
        ),
        case(
            "b.jsonl",
            b"{\"text\": null}\n{\"text\": \"\"}\n".into(),
            &["b.jsonl:1", "is null, expected a text"],
            (2, 1),
        ),
        case(
            "b.jsonl",
            b"{\"text\": \"x\"}\n\xC3\x28\n{\"text\": \"z\"}".into(),
            &["b.jsonl:2: not UTF-8"],
            (4, 1),
        ),
        case(
            "b.jsonl.gz",
            half(gzip(&jsonl(&["x"; 2000]))),
            &["b.jsonl.gz: it is cut short"],
            (0, 1),
        ),
        case("b.tar", two.clone(), &["b.tar!y.txt:1: not UTF-8"], (3, 1)),
        case("b.tar", two[..512 * 3 + 2].to_vec(), &["b.tar!y.txt: it is cut short"], (3, 2)),
        case(
            "b.tar",
            two[..1024].to_vec(),
            &["b.tar: it is cut short: its end is missing"],
            (3, 1),
        ),
        case("b.tar", two[..700].to_vec(), &["b.tar: it is cut short"], (3, 1)),
        case("b.tar", [two.clone(), two.clone()].concat(), &["b.tar!y.txt:1"], (3, 2)),
        case(
            "b.tar.xz",
            half(xz(&tar(&[("x.txt", &text)]))),
            &["b.tar.xz: it is cut short"],
            (2, 1),
        ),
        case(
            "b.tar",
            tar(&[("in.xz", &xz(&tar(&[("c.txt", good), ("d.txt", b"\xFE")]))), ("e.txt", good)]),
            &["b.tar!in.xz!d.txt:1: not UTF-8"],
            (4, 1),
        ),
        case("b.tar", tar(&[("in.xz", &half(xz(&two)))]), &["b.tar!in.xz"], (2, 1)),
    ]
}

/// A tokenizer for all bytes, with an end-of-text token.
fn tokenizer(at: &Path) {
    use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
    let bpe = BpeTokenizer::train("good text", 260).unwrap().with_end_of_text();
    Tokenizer::Bpe(bpe).save(&at.join("bytes.json")).unwrap();
}

#[test]
fn every_fault_is_located_and_can_be_skipped() {
    for Case { name, bytes, expected, left } in cases() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        tokenizer(at);
        put(at, "in/a.txt", "a good text");
        put(at, "in/c.txt", "another good text");
        put(at, &format!("in/{name}"), bytes);
        let flags = "--input in --out out --tokenizer ./bytes.json --validation 0";
        let error = bad(at, flags);
        for expected in &expected {
            assert!(error.contains(expected), "expected {expected} in {error}");
        }
        assert!(error.contains("--on-error skip"), "{error}");
        // It continues from where it stopped, now with skip.
        let said = good(at, &format!("{flags} --on-error skip"));
        let manifest = Manifest::load(&at.join("out")).unwrap();
        let found = (manifest.train.documents, manifest.left_out.faults);
        // How much of a damaged stream can be read depends on the decoder.
        let documents = if left.0 == 0 { found.0 } else { left.0 };
        assert_eq!(found, (documents, left.1), "{name} {expected:?}\n{said}");
        let list = std::fs::read_to_string(at.join("out/skipped.jsonl")).unwrap();
        assert_eq!(list.lines().count() as u64, left.1);
        let counted = if left.1 == 1 { "1 fault, listed in" } else { "faults, listed in" };
        assert!(
            said.contains(counted) && said.contains(&manifest.left_out.first_faults[0]),
            "{said}"
        );
    }
}

#[test]
fn a_character_outside_the_vocabulary_is_located_even_in_a_long_document() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    use stage01_bigram::tokenizer::TokenizerKind;
    TokenizerKind::Char.train("a good text\n").unwrap().save(&at.join("char.json")).unwrap();
    let long = "a good text\n".repeat(40_000);
    for (name, text, place) in [
        ("short.txt", "a good\n tezt".to_string(), "short.txt:2:4"),
        ("long.txt", format!("{long}a good é"), "long.txt:40001:8"),
        ("wide.txt", format!("{}é", long.replace('\n', " ")), "wide.txt:1:480001"),
        ("rows.jsonl", String::from_utf8(jsonl(&["a", "to\ngo ü", "x"])).unwrap(), "rows.jsonl:2:"),
    ] {
        put(at, name, text);
        let error = bad(
            at,
            &format!("--input {name} --tokenizer ./char.json --out {name}.out --split tail"),
        );
        assert!(
            error.contains(&format!("{place}: the character"))
                || name == "rows.jsonl" && error.contains(place),
            "{error}"
        );
        assert!(error.contains("is not in the vocabulary of 9 characters"), "{error}");
    }
}

#[test]
fn only_the_segment_with_the_fault_is_lost_of_a_long_document() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tokenizer(at);
    let line = "a good text of many lines\n";
    let mut long = line.repeat(40_000).into_bytes();
    let middle = long.len() / 2;
    long[middle] = 0xFF;
    put(at, "in/long.txt", &long);
    put(at, "in/other.txt", "another one");
    let flags = "--input in --out out --tokenizer ./bytes.json --validation 0";
    let error = bad(at, flags);
    assert!(error.contains(&format!("long.txt:{}: not UTF-8", middle / line.len() + 1)), "{error}");
    good(at, &format!("{flags} --on-error skip"));
    let manifest = Manifest::load(&at.join("out")).unwrap();
    assert_eq!((manifest.train.documents, manifest.left_out.faults), (2, 1));
    let lost = long.len() as u64 + 11 - manifest.train.bytes;
    assert!((200_000..=1 << 18).contains(&lost), "{lost}");
    let list = std::fs::read_to_string(at.join("out/skipped.jsonl")).unwrap();
    assert!(list.contains("part_of_document"), "{list}");
}

#[test]
fn a_vocabulary_without_a_separator_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    use stage01_bigram::tokenizer::TokenizerKind;
    TokenizerKind::Char.train("abc").unwrap().save(&at.join("char.json")).unwrap();
    put(at, "a.txt", "ab");
    put(at, "b.txt", "cc");
    let error = bad(at, "--input a.txt b.txt --tokenizer ./char.json --out out --validation 0");
    assert!(error.contains("neither an end-of-text token nor a line break"), "{error}");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_asks_for_its_feature() {
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "rows.parquet", b"PAR1 and so on");
    let error =
        bad(directory.path(), "--input rows.parquet --tokenizer char --out out --split tail");
    assert!(
        error.contains("rows.parquet: a Parquet file, and this program was built without"),
        "{error}"
    );
    assert!(error.contains("--features parquet"), "{error}");
}
