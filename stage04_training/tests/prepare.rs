//! The command `prepare`: every format of input, and its result.

#![cfg(feature = "cli")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::*;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset;
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage04_training::manifest::{Manifest, SplitBy};
use stage04_training::progress::Silent;
use stage04_training::shards::{Shards, Split, SplitTokens};

/// All tokens of a part.
fn tokens(part: &SplitTokens) -> Vec<u32> {
    let mut tokens = vec![0; part.len() as usize];
    part.read(0, &mut tokens).unwrap();
    tokens
}

/// The text of a part.
fn text(shards: &Shards, which: Split) -> String {
    shards.tokenizer().unwrap().decode(&tokens(shards.part(which))).unwrap()
}

/// A tokenizer for many documents, in a file.
fn tokenizer(directory: &Path) {
    let text = documents(50).concat();
    let Tokenizer::Bpe(bpe) = TokenizerKind::Bpe { vocab_size: 400 }.train(&text).unwrap() else {
        panic!("bpe is bpe")
    };
    Tokenizer::Bpe(bpe.with_end_of_text()).save(&directory.join("tokenizer.json")).unwrap();
}

#[test]
fn every_format_of_the_same_documents_gives_the_same_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tokenizer(at);
    let long = "a long one ".repeat(60_000);
    let texts = ["First.\n", "The second, été 語.", long.as_str(), "\r\nlast\n\n"];
    let named: Vec<(String, &[u8])> =
        texts.iter().enumerate().map(|(n, text)| (format!("d/{n}.txt"), text.as_bytes())).collect();
    let files: Vec<(&str, &[u8])> = named.iter().map(|(n, b)| (n.as_str(), *b)).collect();
    let (front, back) = files.split_at(2);
    // The layout of OpenWebText: a tar archive of compressed tar archives with odd names.
    let nested = tar(&[
        ("urlsf_subset00_data.xz", &xz(&tar(front))),
        ("notes.md", b"not text"),
        ("urlsf_subset01_data.xz", &zstd(&gzip(&tar(back)))),
    ]);
    for (name, bytes) in &files {
        put(at, &format!("plain/{name}"), bytes);
        put(at, &format!("packed/{name}.gz"), gzip(bytes));
    }
    put(at, "lines.jsonl", jsonl(&texts));
    put(at, "lines.jsonl.zst", zstd(&jsonl(&texts)));
    let (a, b) = (jsonl(&texts[..1]), jsonl(&texts[1..]));
    put(at, "members.jsonl.gz", [gzip(&a), gzip(&b)].concat());
    put(at, "members.jsonl.xz", [xz(&a), xz(&b)].concat());
    put(at, "archive.tar", tar(&files));
    put(at, "archive.tgz", gzip(&tar(&files)));
    put(at, "archive.tar.zst", zstd(&tar(&files)));
    put(at, "nested.tar.xz", xz(&nested));
    put(at, "no_name", &nested);

    let flags = "--tokenizer ./tokenizer.json --validation 0";
    good(at, &format!("--input plain --out plain.out {flags}"));
    let expected = shards(&at.join("plain.out"));
    let opened = Shards::open(&at.join("plain.out")).unwrap();
    opened.verify(&Silent).unwrap();
    let end = opened.manifest().end_of_text.unwrap();
    let ids = |text: &&str| [opened.tokenizer().unwrap().encode(text).unwrap(), vec![end]].concat();
    let all: Vec<u32> = texts.iter().flat_map(ids).collect();
    assert!(tokens(opened.part(Split::Train)) == all);
    assert_eq!(opened.manifest().train.documents, 4);
    for input in [
        "packed",
        "lines.jsonl",
        "lines.jsonl.zst",
        "members.jsonl.gz",
        "members.jsonl.xz",
        "archive.tar",
        "archive.tgz",
        "archive.tar.zst",
        "nested.tar.xz",
        "no_name",
        "plain/d/*.txt",
    ] {
        fs::remove_dir_all(at.join("out")).ok();
        let said = good(at, &format!("--input {input} --out out {flags}"));
        assert!(shards(&at.join("out")) == expected, "{input}");
        assert_eq!(said.contains("1 .md"), input.starts_with('n'), "{input}\n{said}");
    }
}

#[test]
fn the_built_in_text_becomes_the_tokens_of_stage_3() {
    let directory = tempfile::tempdir().unwrap();
    let said = good(directory.path(), "--tokenizer bpe:512 --out out --shard-tokens 1000000");
    assert!(said.contains("a single document: its last 10 % are for validation"), "{said}");
    let shards = Shards::open(&directory.path().join("out")).unwrap();
    let Corpus { text, .. } = Corpus::built_in();
    let (train, validation) = dataset::split(&text, 0.9).unwrap();
    let tokenizer = TokenizerKind::Bpe { vocab_size: 512 }.train(train).unwrap();
    assert_eq!(shards.tokenizer().unwrap(), tokenizer);
    assert!(tokens(shards.part(Split::Train)) == tokenizer.encode(train).unwrap());
    assert!(tokens(shards.part(Split::Validation)) == tokenizer.encode(validation).unwrap());
    let manifest = shards.manifest();
    assert_eq!(manifest.split.by, SplitBy::Tail);
    assert_eq!(manifest.train.characters + manifest.validation.characters, 4_158_678);
    assert!(manifest.train.shards.len() > 1);
}

#[test]
fn characters_are_collected_from_the_whole_text_and_documents_end_in_line_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.txt", "añb");
    put(at, "b.txt", "語\n");
    good(at, "--input a.txt b.txt --tokenizer char --validation 0 --out many");
    let shards = Shards::open(&at.join("many")).unwrap();
    assert_eq!(text(&shards, Split::Train), "añb\n語\n");
    assert_eq!(shards.tokenizer().unwrap().vocab_size(), 5);
    // A single document needs no separator.
    good(at, "--input a.txt --tokenizer char --out one --validation 0.4");
    let shards = Shards::open(&at.join("one")).unwrap();
    assert_eq!(
        (text(&shards, Split::Train), text(&shards, Split::Validation)),
        ("a".into(), "ñb".into())
    );
}

#[test]
fn the_result_depends_only_on_the_inputs() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let documents = documents(9000);
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    put(at, "in/a.jsonl", jsonl(&texts[..6000]));
    put(at, "in/b.jsonl.xz", xz(&jsonl(&texts[6000..7000])));
    let files: Vec<(String, &[u8])> =
        texts[7000..].iter().enumerate().map(|(n, t)| (format!("{n}.txt"), t.as_bytes())).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, t)| (n.as_str(), *t)).collect();
    put(at, "in/c.tar.gz", gzip(&tar(&files)));
    for tokenizer in ["bpe:500", "char"] {
        for (threads, split) in [(1, "tail"), (1, "document"), (2, "tail"), (7, "document")] {
            good(
                at,
                &format!(
                    "--input in --tokenizer {tokenizer} --split {split} --threads {threads} \
                 --validation 0.1 --out {tokenizer}-{split}-{threads} --shard-tokens 50000"
                ),
            );
        }
        let out = |name: &str| content(&at.join(format!("{tokenizer}-{name}")));
        assert!(out("tail-1") == out("tail-2"));
        assert!(out("document-1") == out("document-7"));
        let manifest = Manifest::load(&at.join(format!("{tokenizer}-document-1"))).unwrap();
        let (train, validation) = (manifest.train.documents, manifest.validation.documents);
        assert_eq!(train + validation, 9000);
        assert!((800..1000).contains(&validation), "{validation}");
    }
}

/// The first words of all documents of a part.
fn titles(out: &Path, which: Split) -> BTreeSet<String> {
    let text = text(&Shards::open(out).unwrap(), which);
    let title = |text: &str| text.split('.').next().unwrap().trim().to_string();
    text.split("<|endoftext|>").map(title).filter(|title| !title.is_empty()).collect()
}

#[test]
fn the_split_depends_neither_on_order_nor_names_and_samples_are_nested() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tokenizer(at);
    let documents = documents(600);
    let mut texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    put(at, "one.jsonl", jsonl(&texts));
    texts.reverse();
    for (number, text) in texts.iter().enumerate() {
        put(at, &format!("other/{}/{number}.txt", number % 7), text);
    }
    let flags = "--tokenizer ./tokenizer.json --validation 0.2";
    good(at, &format!("--input one.jsonl --out a {flags}"));
    good(at, &format!("--input other --out b {flags}"));
    let validation = titles(&at.join("a"), Split::Validation);
    assert_eq!(validation, titles(&at.join("b"), Split::Validation));
    assert!((80..160).contains(&validation.len()), "{}", validation.len());
    assert!(validation.is_disjoint(&titles(&at.join("a"), Split::Train)));

    good(at, &format!("--input one.jsonl --out half --sample 50% {flags}"));
    good(at, &format!("--input other --out tenth --sample 0.1 {flags}"));
    let (half, tenth) =
        (titles(&at.join("half"), Split::Train), titles(&at.join("tenth"), Split::Train));
    assert!(tenth.is_subset(&half) && half.is_subset(&titles(&at.join("a"), Split::Train)));
    assert!((25..80).contains(&tenth.len()), "{}", tenth.len());
    let left = Manifest::load(&at.join("half")).unwrap().left_out.not_sampled;
    assert_eq!(left as usize + half.len() + titles(&at.join("half"), Split::Validation).len(), 600);
}

#[test]
fn a_finished_directory_is_not_changed_and_another_command_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let texts = documents(40);
    put(at, "in/a.jsonl", jsonl(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
    let flags = "--input in --out out --tokenizer bpe:300 --validation 0.2";
    good(at, flags);
    let before = content(&at.join("out"));
    assert!(good(at, flags).contains("already finished"));
    let error = bad(at, &format!("{flags} --field body"));
    assert!(error.contains(r#"--field was "text", and is "body" now"#), "{error}");
    assert!(error.contains("--restart"), "{error}");
    put(at, "in/b.txt", "more");
    let error = bad(at, flags);
    assert!(error.contains("the input files are no longer the same"), "{error}");
    assert_eq!(content(&at.join("out")), before);

    put(at, "out/notes.txt", "mine");
    good(at, &format!("{flags} --restart"));
    let after = content(&at.join("out"));
    assert_ne!(after["train-00000.bin"], before["train-00000.bin"]);
    assert_eq!(after["notes.txt"], b"mine");
    // The directory's own tokenizer can be used, and is not lost.
    good(at, "--input in --out out --tokenizer out/tokenizer.json --restart");
    assert_eq!(content(&at.join("out"))["tokenizer.json"], after["tokenizer.json"]);
    // A model's directory must never lose its tokenizer.
    put(at, "model/tokenizer.json", "{}");
    for restart in ["", "--restart"] {
        let error = bad(at, &format!("--input in --out model {restart}"));
        assert!(error.contains("tokenizer.json that `prepare` did not make"), "{error}");
    }
}

#[test]
fn invalid_settings_are_refused_before_any_work() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.txt", "some text");
    put(at, "b.txt", "more text");
    put(at, "pictures/a.png", "\u{89}PNG");
    for (flags, expected) in [
        ("--input a.txt --split document", "--split = document: the input is a single document"),
        ("--input a.txt --sample 1%", "the input is a single document"),
        ("--input a.txt b.txt --validation 1", "--validation = 1: expected a fraction"),
        ("--input a.txt --sample 0", "--sample = 0: expected a fraction of the documents"),
        ("--input a.txt --shard-tokens 0", "--shard-tokens = 0"),
        ("--input a.txt --threads 0", "--threads = 0: choose from 1 to 1024"),
        ("--input a.txt --threads 100000", "--threads = 100000: choose from 1 to 1024"),
        ("--input a.txt --tokenizer bpe:100", "--tokenizer = bpe:100"),
        ("--input a.txt --tokenizer ./none.json", "cannot read ./none.json"),
        ("--input none.txt", "cannot read none.txt"),
        ("--input *.none", "no file matches the pattern"),
        ("--input pictures", "found: 1 .png"),
        ("--input a.txt b.txt --validation 0.9999999", "it has no text"),
        (
            "--input a.txt b.txt --validation 0.9999999 --tokenizer char",
            "no document of it is left for training",
        ),
    ] {
        let error = bad(at, &format!("{flags} --out out"));
        assert!(error.contains(expected), "{flags}\n{error}");
        assert!(!at.join("out").exists() || expected.starts_with("no document"), "{flags}");
        fs::remove_dir_all(at.join("out")).ok();
    }
    #[cfg(not(feature = "gpt2"))]
    assert!(bad(at, "--input a.txt --tokenizer gpt2 --out out").contains("--features gpt2"));
    // Few documents may all be for training; a note says so.
    let said = good(at, "--input a.txt b.txt --tokenizer char --validation 0.0001 --out out");
    assert!(said.contains("note: no document was assigned to the validation set"), "{said}");
}
