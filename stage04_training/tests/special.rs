//! Special tokens that texts spell, and the token at the end of a document.

#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::path::Path;

use common::*;
use serde_json::{Value, json};
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
use stage04_training::shards::{Shards, Split};

const MARKER: &str = "<|endoftext|>";

/// A tokenizer of 300 tokens and these added ones (spelling, attribute that is true), in a file.
fn tokenizer(directory: &Path, name: &str, added: &[(&str, &str)]) -> Tokenizer {
    let learned = BpeTokenizer::train(&documents(50).concat(), 300).unwrap();
    let first = learned.vocab_size();
    let mut file: Value = serde_json::from_str(&Tokenizer::Bpe(learned).to_json()).unwrap();
    let entry = |(id, (content, attribute)): (usize, &(&str, &str))| {
        let mut entry = json!({
            "id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        });
        if !attribute.is_empty() {
            entry[attribute] = (*attribute != "special").into();
        }
        entry
    };
    file["added_tokens"] = (first..).zip(added).map(entry).collect();
    put(directory, name, file.to_string());
    Tokenizer::load(&directory.join(name)).unwrap()
}

/// All tokens of a part.
fn tokens(directory: &Path, which: Split) -> Vec<u32> {
    let shards = Shards::open(directory).unwrap();
    let part = shards.part(which);
    let mut tokens = vec![0; part.len() as usize];
    part.read(0, &mut tokens).unwrap();
    tokens
}

/// Documents of all lengths around the length of a segment, with awkward ends.
fn awkward_documents() -> Vec<String> {
    let mut all = documents(60);
    let segment = 1 << 18;
    for length in [segment - 14, segment - 1, segment, segment + 1, 3 * segment] {
        let mut long = format!("{length} ");
        while long.len() < length {
            long.push_str("so long ");
        }
        long.truncate(length);
        all.push(long);
    }
    all.extend(
        ["\nbegins with a line", "ends with two\n\n", "é 語 <|endof text|>"].map(String::from),
    );
    all
}

#[test]
fn a_text_with_markers_is_the_documents_between_them() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tokenizer(at, "tokenizer.json", &[(MARKER, "")]);
    let all = awkward_documents();
    let texts: Vec<&str> = all.iter().map(String::as_str).collect();
    let marked = texts.join(MARKER);
    let (front, back) = texts.split_at(30);
    put(at, "lines.jsonl", jsonl(&texts));
    put(at, "marked.txt", &marked);
    put(at, "ended.txt", format!("{marked}{MARKER}"));
    put(at, "begun.txt", format!("{MARKER}{marked}"));
    put(at, "marked.txt.gz", gzip(marked.as_bytes()));
    put(at, "rows.jsonl", jsonl(&[&front.join(MARKER), &(back.join(MARKER) + MARKER)]));
    for kind in ["./tokenizer.json", "bpe:290", "char"] {
        let flags = format!("--tokenizer {kind} --sample 70% --validation 0.4");
        good(at, &format!("--input lines.jsonl --out lines {flags}"));
        let expected =
            [Split::Train, Split::Validation].map(|which| tokens(&at.join("lines"), which));
        let manifest = Shards::open(&at.join("lines")).unwrap().manifest().clone();
        assert!(manifest.validation.documents > 5 && manifest.left_out.not_sampled > 5);
        for input in ["marked.txt", "ended.txt", "begun.txt", "marked.txt.gz", "rows.jsonl"] {
            let said = good(at, &format!("--input {input} --out out {flags}"));
            assert!(said.contains("special ") && said.contains("as the end of a"), "{said}");
            let found =
                [Split::Train, Split::Validation].map(|which| tokens(&at.join("out"), which));
            assert!(found == expected, "{kind} {input}");
            let now = Shards::open(&at.join("out")).unwrap().manifest().clone();
            assert_eq!(now.train.documents, manifest.train.documents);
            assert_eq!(now.left_out.not_sampled, manifest.left_out.not_sampled);
            let tokenizer =
                |directory: &str| fs::read(at.join(directory).join("tokenizer.json")).unwrap();
            assert_eq!(tokenizer("out"), tokenizer("lines"), "{kind} {input}");
            fs::remove_dir_all(at.join("out")).unwrap();
        }
        fs::remove_dir_all(at.join("lines")).unwrap();
    }
}

#[test]
fn the_tokens_are_those_of_the_whole_text() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let added = [(MARKER, ""), ("<user>", "special"), ("<mask>", "lstrip")];
    let tokenizer = tokenizer(at, "tokenizer.json", &added);
    let text: String = (0..40).map(|n| format!("<user>story {n} <mask>\n{MARKER}\n")).collect();
    put(at, "a.txt", &text);
    let flags = "--input a.txt --tokenizer ./tokenizer.json --validation 0";
    let said = good(at, &format!("{flags} --out tokens"));
    assert!(said.contains("special     80 in the text, read as tokens"), "{said}");
    let ids = tokenizer.encode_with_special(&text).unwrap();
    assert_eq!(tokens(&at.join("tokens"), Split::Train), ids);
    let end = tokenizer.end_of_text().unwrap();
    assert_eq!(ids.iter().filter(|&&id| id == end).count(), 40);
    let manifest = Shards::open(&at.join("tokens")).unwrap().manifest().clone();
    assert_eq!((manifest.train.documents, manifest.train.special_tokens), (40, 80));

    let said = good(at, &format!("{flags} --special-tokens text --out text"));
    assert!(said.contains("special     80 in the text, spelled out"), "{said}");
    let spelled = [tokenizer.encode(&text).unwrap(), vec![end]].concat();
    assert_eq!(tokens(&at.join("text"), Split::Train), spelled);

    let error = bad(at, &format!("{flags} --special-tokens error --out error"));
    assert!(error.contains("a.txt:1: the text spells the special token <mask>"), "{error}");
    assert!(error.contains("--special-tokens tokens"), "{error}");
    let error = bad(at, &format!("{flags} --special-tokens text --out tokens"));
    assert!(error.contains(r#"--special-tokens was its default, and is "text" now"#), "{error}");
}

#[test]
fn a_marker_outside_the_vocabulary_is_always_reported() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tokenizer(at, "other.json", &[("</s>", "")]);
    put(at, "a.txt", format!("one{MARKER}two</s>three"));
    let said = good(at, "--input a.txt --tokenizer ./other.json --validation 0 --out other");
    assert!(said.contains("special     1 in the text"), "{said}");
    assert!(said.contains("note: the text spells <|endoftext|> 1 time,"), "{said}");
    assert_eq!(Shards::open(&at.join("other")).unwrap().manifest().train.documents, 2);
    for kind in ["bpe:257", "char"] {
        let flags = format!("--input a.txt --tokenizer {kind} --special-tokens");
        let said = good(at, &format!("{flags} text --out {kind}"));
        assert!(said.contains("note: the text spells <|endoftext|> 1 time,"), "{said}");
        let error = bad(at, &format!("{flags} error --out {kind}.error"));
        assert!(error.contains("a.txt:1: the text spells the special token"), "{error}");
    }
}

#[test]
fn empty_documents_are_counted_and_get_no_token() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let tokenizer = tokenizer(at, "tokenizer.json", &[(MARKER, "")]);
    let end = tokenizer.end_of_text().unwrap();
    put(at, "a.txt", format!("{MARKER}one{MARKER}{MARKER}two"));
    let flags = "--tokenizer ./tokenizer.json --validation 0";
    let said = good(at, &format!("--input a.txt --out out {flags}"));
    assert!(said.contains("empty       1 document"), "{said}");
    let ids = |text| tokenizer.encode(text).unwrap();
    let expected = [ids("one"), vec![end], ids("two"), vec![end]].concat();
    assert_eq!(tokens(&at.join("out"), Split::Train), expected);
    // A document in JSON that ends with the marker gets no second one.
    put(at, "b.jsonl", jsonl(&["one<|endoftext|>", "two<|endoftext|>", "<|endoftext|>"]));
    good(at, &format!("--input b.jsonl --out lines {flags}"));
    assert_eq!(tokens(&at.join("lines"), Split::Train), expected);
}

#[test]
fn the_token_at_the_end_of_a_document_can_be_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let texts = documents(9);
    put(at, "a.jsonl", jsonl(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
    tokenizer(at, "m/tokenizer.json", &[("<pad>", ""), ("<stop>", "")]);
    let flags = "--input a.jsonl --validation 0";
    let end = |out: &str| {
        let shards = Shards::open(&at.join(out)).unwrap();
        let tokenizer = shards.tokenizer().unwrap();
        let end = tokenizer.end_of_text_token().map(|(id, content)| (id, content.to_string()));
        assert_eq!(shards.manifest().end_of_text, end.as_ref().map(|(id, _)| *id));
        if let Some((id, _)) = end {
            let ids = tokens(&at.join(out), Split::Train);
            assert_eq!(ids.iter().filter(|&&token| token == id).count(), 9);
        }
        end.map(|(_, content)| content)
    };
    let said = good(at, &format!("{flags} --tokenizer m --out none"));
    assert!(said.contains("note: none of the tokenizer's special tokens (<pad> <stop>)"), "{said}");
    assert_eq!(end("none"), None);
    good(at, &format!("{flags} --tokenizer m --end-token <stop> --out named"));
    assert_eq!(end("named").as_deref(), Some("<stop>"));
    good(at, &format!("{flags} --tokenizer bpe:300 --end-token <eof> --out trained"));
    assert_eq!(end("trained").as_deref(), Some("<eof>"));
    put(at, "m/tokenizer_config.json", r#"{"eos_token": "<stop>"}"#);
    let said = good(at, &format!("{flags} --tokenizer m --out beside"));
    assert!(!said.contains("note"), "{said}");
    assert_eq!(end("beside").as_deref(), Some("<stop>"));
    // The value of the file counts as a flag.
    put(at, "m/tokenizer_config.json", r#"{"eos_token": "<pad>"}"#);
    let error = bad(at, &format!("{flags} --tokenizer m --out beside"));
    assert!(error.contains(r#"--end-token was "<stop>", and is "<pad>" now"#), "{error}");
}

#[test]
fn a_token_that_cannot_be_found_in_segments_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.txt", "some text");
    put(at, "empty/readme.txt", "");
    tokenizer(at, "rstrip.json", &[("<gap>", "rstrip")]);
    tokenizer(at, "inside.json", &[("<a gap>", "special")]);
    tokenizer(at, "alone.json", &[(MARKER, "single_word")]);
    let mut parts = BpeTokenizer::train("some text", 256).unwrap().parts().unwrap();
    parts.pre_tokenizer = "llama-bpe".into();
    let other = Tokenizer::Bpe(parts.tokenizer(at).unwrap());
    put(at, "llama3.json", other.to_json());
    for (flags, expected) in [
        ("--tokenizer ./rstrip.json", "its token \"<gap>\" has `rstrip`"),
        ("--tokenizer ./inside.json", "its token \"<a gap>\" has white space inside"),
        ("--tokenizer ./inside.json --special-tokens text", "has white space inside"),
        ("--tokenizer ./alone.json", "ends documents and has `lstrip` or `single_word`"),
        ("--tokenizer ./alone.json --end-token </s>", "it has <|endoftext|>"),
        ("--tokenizer char --end-token </s>", "--end-token = </s>: a vocabulary of characters"),
        ("--tokenizer bpe:300 --end-token a", "--end-token = a: it is an ordinary token"),
        ("--tokenizer empty", "empty: a directory without a tokenizer.json"),
        ("--tokenizer ./llama3.json", "reads a text otherwise when the text is cut"),
    ] {
        let error = bad(at, &format!("--input a.txt --out out {flags}"));
        assert!(error.contains(expected), "{flags}\n{error}");
        assert!(!at.join("out").exists(), "{flags}");
    }
    good(at, "--input a.txt --out out --tokenizer ./rstrip.json --special-tokens text");
}
