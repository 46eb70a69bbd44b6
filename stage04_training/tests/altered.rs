//! Directories that were altered, by accident or with intent: the change is detected, and nothing
//! outside of them is written.

#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use common::*;
use proptest::prelude::*;
use serde_json::Value;
use stage01_bigram::Error;
use stage01_bigram::tokenizer::TokenizerKind;
use stage04_training::checksummed::to_text;
use stage04_training::manifest::{Manifest, SplitBy};
use stage04_training::prepare::{self, OnError, Settings};
use stage04_training::progress::Silent;
use stage04_training::shards::Shards;

/// The file that must not change, beside the directory of data.
const VICTIM: &[u8] = b"precious";

/// Documents in two files, with a fault, and the settings to prepare them.
fn inputs(at: &Path, split: SplitBy) -> Settings {
    let documents = documents(12_000);
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    put(at, "in/a.jsonl", [&jsonl(&texts[..6000])[..], b"not JSON\n"].concat());
    put(at, "in/b.jsonl", jsonl(&texts[6000..]));
    put(at, "victim", VICTIM);
    Settings {
        input: vec![at.join("in")],
        out: at.join("data"),
        tokenizer: TokenizerKind::Char,
        split: Some(split),
        validation: Some(0.2),
        shard_tokens: 300_000,
        on_error: OnError::Skip,
        commit_bytes: 10_000,
        threads: Some(1),
        ..Settings::default()
    }
}

/// The files of an interrupted run, and those of the finished run.
struct Interrupted {
    files: Vec<(String, Vec<u8>)>,
    whole: Vec<(String, Vec<u8>)>,
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    content(directory).into_iter().collect()
}

fn lay(files: &[(String, Vec<u8>)], directory: &Path) {
    fs::remove_dir_all(directory).ok();
    for (name, bytes) in files {
        put(directory, name, bytes);
    }
}

fn interrupted(settings: &Settings, at: &Path) -> Interrupted {
    let split = if settings.split == Some(SplitBy::Tail) { "tail" } else { "document" };
    let flags = format!(
        "--input {} --out {} --tokenizer char --split {split} --validation 0.2 --shard-tokens 300000 \
         --on-error skip --commit-bytes 10000 --threads 1 --pause-ms 60",
        settings.input[0].display(),
        settings.out.display(),
    );
    let mut child = program(at, &flags).stdout(Stdio::null()).spawn().unwrap();
    let journal = settings.out.join("journal.json");
    let job = || {
        let journal: Value = serde_json::from_str(&fs::read_to_string(&journal).ok()?).ok()?;
        journal["position"]["job"].as_u64()
    };
    while job().unwrap_or(0) < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = files(&settings.out);
    assert!(!left.iter().any(|(name, _)| name == "manifest.json"));
    prepare::prepare(settings, &Silent).unwrap();
    Interrupted { files: left, whole: files(&settings.out) }
}

/// Makes a small change somewhere in a JSON value, chosen by two numbers: `place` selects a part of
/// the value, with equal chances for all fields and entries of a level. Returns the path to it.
fn mutate(mut value: &mut Value, mut place: usize, kind: usize) -> Vec<String> {
    let mut path = Vec::new();
    loop {
        let names: Vec<String> = match &*value {
            Value::Array(list) if !place.is_multiple_of(4) => {
                (0..list.len()).map(|n| n.to_string()).collect()
            }
            Value::Object(fields) if !place.is_multiple_of(16) => fields.keys().cloned().collect(),
            _ => Vec::new(),
        };
        if names.is_empty() {
            change(value, kind);
            return path;
        }
        place /= 16;
        let name = names[place % names.len()].clone();
        place /= names.len();
        value = match value {
            Value::Array(list) => &mut list[name.parse::<usize>().expect("a number")],
            Value::Object(fields) => &mut fields[&name],
            _ => unreachable!("it has parts"),
        };
        path.push(name);
    }
}

/// Changes a value into another one, often of the same type.
fn change(value: &mut Value, kind: usize) {
    match value {
        _ if kind.is_multiple_of(8) => {
            *value = [Value::Null, 1.into(), "x".into()][kind / 8 % 3].clone()
        }
        Value::Null => *value = [0.into(), "".into(), Value::Array(Vec::new())][kind % 3].clone(),
        Value::Bool(yes) => *yes = !*yes,
        Value::Number(n) => {
            let (whole, real) = (n.as_u64().unwrap_or(0), n.as_f64().unwrap_or(0.0));
            let values: [Value; 9] = [
                (whole + 1).into(),
                whole.saturating_sub(1).into(),
                (whole / 2).into(),
                0.into(),
                (real / 2.0).into(),
                (1u64 << 63).into(),
                u64::MAX.into(),
                (-1).into(),
                1e300.into(),
            ];
            *value = values[kind % 9].clone();
        }
        Value::String(text) => {
            let names =
                ["../victim", "", "train-00007.bin", "tail", "document", "0123456789abcdef"];
            *text = names[kind % 6].into();
        }
        Value::Array(list) => match kind % 4 {
            0 => list.clear(),
            1 => drop(list.pop()),
            2 => list.extend(list.first().cloned()),
            _ => list.reverse(),
        },
        Value::Object(fields) => {
            let name = fields.keys().nth(kind % fields.len().max(1)).cloned().unwrap_or_default();
            fields.shift_remove(&name);
        }
    }
}

/// The names in a directory, and the content of the victim.
fn outside(at: &Path) -> (Vec<String>, Vec<u8>) {
    let mut names: Vec<String> = fs::read_dir(at)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    (names, fs::read(at.join("victim")).unwrap())
}

fn named<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a [u8] {
    &files.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("{name}")).1
}

fn only_shards(files: &[(String, Vec<u8>)]) -> Vec<&(String, Vec<u8>)> {
    files.iter().filter(|(name, _)| name.ends_with(".bin")).collect()
}

/// Alters one of the JSON files of a directory: the run must be refused, or end with the same
/// tokens.
///
/// sealed: whether the checksum is updated, to test the validation behind it.
fn try_mutations(split: SplitBy, sealed: bool, cases: u32) {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let settings = inputs(at, split);
    let Interrupted { files: left, whole } = interrupted(&settings, at);
    let before = outside(at);
    let refused = std::cell::Cell::new(0);
    let strategy = (0usize..3, any::<usize>(), any::<usize>());
    proptest!(ProptestConfig::with_cases(cases), |((which, place, kind) in strategy)| {
        let name = ["journal.json", "plan.json", "manifest.json"][which];
        let files = if name == "manifest.json" { &whole } else { &left };
        let mut value: Value = serde_json::from_slice(named(files, name)).unwrap();
        let was = value.clone();
        let path = mutate(&mut value, place, kind);
        lay(files, &settings.out);
        let text = if sealed { to_text(&value) } else { value.to_string() };
        fs::write(settings.out.join(name), text).unwrap();
        let result = prepare::prepare(&settings, &Silent);
        prop_assert_eq!(&outside(at), &before, "{:?}", path);
        let Err(error) = result else {
            // The result must be a valid directory.
            let data = Shards::open(&settings.out).unwrap();
            data.verify(&Silent).unwrap();
            // Only reading all of the text again could detect these.
            let unseen = sealed && ["position", "tail"].contains(&path.first().map_or("", |n| n));
            if !unseen {
                let now = self::files(&settings.out);
                let same = only_shards(&now) == only_shards(&whole);
                prop_assert!(same, "{:?} gave other tokens", path);
            }
            let checksum = path == ["checksum"];
            prop_assert!(sealed || value == was || checksum, "{:?} was accepted", path);
            return Ok(());
        };
        refused.set(refused.get() + 1);
        let text = error.to_string();
        prop_assert!(!text.contains('\n'), "{}", text);
        let known = matches!(
            error,
            Error::Format { .. } | Error::Text { .. } | Error::File { .. } | Error::Setting { .. }
        );
        prop_assert!(known, "{}", text);
    });
    let refused = refused.get();
    assert!(refused > cases / 4, "only {refused} of {cases} were refused");
}

#[test]
fn altered_files_are_detected() {
    try_mutations(SplitBy::Tail, false, 80);
}

#[test]
fn altered_files_with_a_valid_checksum_do_no_harm_with_split_tail() {
    try_mutations(SplitBy::Tail, true, 120);
}

#[test]
fn altered_files_with_a_valid_checksum_do_no_harm_with_split_document() {
    try_mutations(SplitBy::Document, true, 120);
}

proptest! {
    /// As a fuzz target: any change of a valid text gives a result and no panic.
    #[test]
    fn texts_are_read_or_refused(place: usize, kind: usize, sealed: bool, cut in 0usize..2000) {
        let plan = serde_json::json!({
            "version": 2, "flags": { "shard_tokens": 10 }, "inputs": [
                { "name": "a", "bytes": 5, "modified": 7 },
            ],
        });
        let part = |which: &str| serde_json::json!({
            "documents": 1, "bytes": 5, "characters": 5, "tokens": 12, "shards": [
                { "file": format!("{which}-00000.bin"), "tokens": 10, "xxh3": "0".repeat(16) },
                { "file": format!("{which}-00001.bin"), "tokens": 2, "xxh3": "1".repeat(16) },
            ],
        });
        let left_out = serde_json::json!({
            "not_sampled": 0, "empty": 0, "faults": 0, "faults_file": null, "first_faults": [],
            "ignored": { ".png": 1 },
        });
        let journal = serde_json::json!({
            "version": 2, "tokenizer_xxh3": "2".repeat(16),
            "split": { "by": "document", "validation": 0.1 }, "many": true, "tail": null,
            "position": { "job": 2, "file": 0, "items": 1 }, "train": part("train"),
            "validation": part("validation"), "left_out": left_out,
            "faults": { "bytes": 0, "xxh3": "" },
        });
        let manifest = serde_json::json!({
            "version": 2, "token_bytes": 2, "vocab_size": 300, "end_of_text": 299,
            "tokenizer_xxh3": "2".repeat(16), "split": { "by": "tail", "validation": 0.1 },
            "train": part("train"), "validation": part("validation"), "flags": {},
            "inputs": { "files": 1, "bytes": 5, "fingerprint": "" }, "left_out": left_out,
        });
        let at = Path::new("manifest.json");
        prepare::check_texts(&to_text(&plan), &to_text(&journal)).unwrap();
        Manifest::parse(at, &to_text(&manifest)).unwrap();
        let text = |value: &Value| {
            let mut value = value.clone();
            mutate(&mut value, place, kind);
            let text = if sealed { to_text(&value) } else { value.to_string() };
            text.chars().take(if cut > 1500 { kind % 1000 } else { usize::MAX }).collect::<String>()
        };
        let _ = prepare::check_texts(&text(&plan), &to_text(&journal));
        let _ = prepare::check_texts(&to_text(&plan), &text(&journal));
        let _ = Manifest::parse(at, &text(&manifest));
    }
}

/// Changes the journal of an interrupted run, and updates its checksum.
fn edit(directory: &Path, change: impl FnOnce(&mut Value)) {
    let path = directory.join("journal.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, to_text(&value)).unwrap();
}

#[test]
fn an_interrupted_run_continues_only_with_unaltered_files() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let settings = inputs(at, SplitBy::Document);
    let Interrupted { files: left, whole } = interrupted(&settings, at);
    let out = &settings.out;
    let full =
        |name: &str| left.iter().any(|(other, bytes)| other == name && bytes.len() == 600_000);
    assert!(full("train-00000.bin"), "no shard was full when it was killed");
    // The shard that will be appended to.
    let open_shard = left.iter().rfind(|(name, _)| name.starts_with("train-")).unwrap().0.clone();
    let flip = |name: &str| {
        let mut bytes = fs::read(out.join(name)).unwrap();
        bytes[100] ^= 4;
        fs::write(out.join(name), bytes).unwrap();
    };
    type Change<'a> = Box<dyn Fn() + 'a>;
    let mut cases: Vec<(Change<'_>, &str)> = vec![
        (Box::new(|| flip("train-00000.bin")), "train-00000.bin: its checksum is"),
        (Box::new(|| flip("skipped.jsonl")), "skipped.jsonl: its checksum is"),
        (Box::new(|| flip("tokenizer.json")), "tokenizer.json: its checksum is"),
        (Box::new(|| fs::remove_file(out.join("tokenizer.json")).unwrap()), "tokenizer.json"),
        (Box::new(|| fs::write(out.join("validation-00000.bin"), [1]).unwrap()), "fewer than the"),
        (
            Box::new(|| edit(out, |j| j["train"]["shards"][0]["file"] = "../victim".into())),
            "is not the name of a shard",
        ),
        (
            Box::new(|| edit(out, |j| j["train"]["shards"][0]["tokens"] = (1u64 << 63).into())),
            "train-00000.bin has 9223372036854775808 tokens",
        ),
        (Box::new(|| edit(out, |j| j["position"]["file"] = 9.into())), "file 9 of 2"),
        (Box::new(|| edit(out, |j| j["position"]["items"] = 1_000_000.into())), "fewer documents"),
        (Box::new(|| edit(out, |j| j["many"] = false.into())), "split the text in another way"),
        (
            Box::new(|| edit(out, |j| j["split"]["validation"] = 0.5.into())),
            "split the text in another way",
        ),
    ];
    #[cfg(unix)]
    for (name, link) in [open_shard.as_str(), "skipped.jsonl"].into_iter().flat_map(|name| {
        let links: [fn(&Path, &Path) -> std::io::Result<()>; 2] =
            [|to, from| std::os::unix::fs::symlink(to, from), |to, from| fs::hard_link(to, from)];
        links.map(|link| (name, link))
    }) {
        // The right bytes, but in a file outside the directory.
        let change = move || {
            let other = out.with_file_name("elsewhere");
            fs::rename(out.join(name), &other).unwrap();
            link(&other, &out.join(name)).unwrap();
        };
        cases.push((Box::new(change), name));
    }
    for (change, expected) in cases {
        lay(&left, out);
        fs::remove_file(at.join("elsewhere")).ok();
        change();
        let other = fs::read(at.join("elsewhere")).ok();
        let result = prepare::prepare(&settings, &Silent);
        let error = result.expect_err(expected).to_string();
        assert!(error.contains(expected), "expected {expected} in {error}");
        assert!(error.contains("restart"), "{error}");
        assert_eq!(fs::read(at.join("victim")).unwrap(), VICTIM);
        assert_eq!(fs::read(at.join("elsewhere")).ok(), other);
        assert!(!out.join("manifest.json").exists());
    }
    lay(&left, out);
    prepare::prepare(&settings, &Silent).unwrap();
    assert!(files(out) == whole);
}

fn train(at: &Path, flags: &str) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stage04_training"));
    let tiny = "train --n-layer 1 --n-head 1 --n-embd 8 --block-size 8 --batch-size 2 --eval-iters 1 \
                --threads 1 --peak-tflops 0.1";
    command.args(tiny.split_whitespace()).args(flags.split_whitespace()).current_dir(at);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The one-line error of a training run that must be refused.
fn refused(child: std::process::Child) -> String {
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn altered_data_is_detected_before_training() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.jsonl", jsonl(&documents(60).iter().map(String::as_str).collect::<Vec<_>>()));
    let flags = "--input a.jsonl --tokenizer char --validation 0.2 --out data";
    good(at, flags);
    let start = |flags: &str| train(at, flags).spawn().unwrap();
    let refuses = |expected: &str| {
        for error in [bad(at, flags), refused(start("--data data --max-iters 3 --out-dir m"))] {
            assert!(error.contains(expected), "expected {expected} in {error}");
        }
        assert!(!at.join("m").exists());
    };
    let whole = files(&at.join("data"));
    for (name, expected) in [
        ("train-00000.bin", "data/train-00000.bin: its checksum is"),
        ("validation-00000.bin", "data/validation-00000.bin: its checksum is"),
        ("tokenizer.json", "data/tokenizer.json: its checksum is"),
        ("manifest.json", "data/manifest.json: it was altered after it was written"),
    ] {
        lay(&whole, &at.join("data"));
        let mut bytes = fs::read(at.join("data").join(name)).unwrap();
        // Another digit in a JSON file, another token in a shard: only the checksum can tell.
        let digit = bytes.iter().rposition(|b| b.is_ascii_digit() && name.ends_with("json"));
        bytes[digit.unwrap_or(2)] ^= 1;
        fs::write(at.join("data").join(name), bytes).unwrap();
        refuses(expected);
    }
    // --no-verify skips the check.
    lay(&whole, &at.join("data"));
    fs::write(at.join("data/train-00000.bin"), vec![0; named(&whole, "train-00000.bin").len()])
        .unwrap();
    assert!(good(at, &format!("{flags} --no-verify")).contains("already finished"));
    let output = train(at, "--data data --no-verify --max-iters 3 --out-dir m").output().unwrap();
    assert!(output.status.success());

    // A text that `train` has prepared is also verified each time.
    put(at, "t.txt", documents(60).join("\n"));
    let text = "--text t.txt --tokenizer char --max-iters 1 --out-dir n/m";
    assert!(train(at, text).status().unwrap().success());
    let data = fs::read_dir(at.join("n/data")).unwrap().next().unwrap().unwrap().path();
    let shard = data.join("train-00000.bin");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[10] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let error = refused(start(text));
    assert!(error.contains("its checksum is") && error.contains("remove the directory"), "{error}");
    fs::remove_dir_all(&data).unwrap();
    assert!(train(at, text).status().unwrap().success());
}

#[test]
fn a_shard_that_is_truncated_during_training_ends_the_run_with_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.jsonl", jsonl(&documents(400).iter().map(String::as_str).collect::<Vec<_>>()));
    good(at, "--input a.jsonl --tokenizer char --validation 0.2 --out data");
    let flags = "--data data --max-iters 10000000 --save-interval 5 --out-dir m";
    let child = train(at, flags).spawn().unwrap();
    let log = at.join("m/log.jsonl");
    while fs::read_to_string(&log).map_or(0, |text| text.lines().count()) < 20 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let shard = fs::OpenOptions::new().write(true).open(at.join("data/train-00000.bin")).unwrap();
    shard.set_len(2).unwrap();
    let error = refused(child);
    assert!(error.contains("data/train-00000.bin: it has become shorter"), "{error}");
    let saved = stage04_training::checkpoint::Saved::load(&at.join("m")).unwrap();
    assert!(saved.state.iter >= 5);
    stage03_gpt::model::Model::load(&at.join("m")).unwrap();
}

#[test]
fn directories_that_hold_something_else_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.txt", documents(60).join("\n"));
    let flags = "--input a.txt --tokenizer char";
    good(at, &format!("{flags} --out data"));
    let command = "--data data --max-iters 1 --out-dir";
    assert!(train(at, &format!("{command} model")).status().unwrap().success());
    let error = refused(train(at, &format!("{command} data")).spawn().unwrap());
    assert!(
        error.contains("--out-dir = data") && error.contains("name another --out-dir"),
        "{error}"
    );
    let before = content(&at.join("data"));
    // A model's directory, also without its tokenizer.
    let error = bad(at, &format!("{flags} --out model"));
    assert!(error.contains("tokenizer.json that `prepare` did not make"), "{error}");
    fs::remove_file(at.join("model/tokenizer.json")).unwrap();
    for restart in ["", "--restart"] {
        let error = bad(at, &format!("{flags} --out model {restart}"));
        assert!(error.contains("it has a model"), "{error}");
    }
    // An input must not be overwritten.
    let input = "--input data/tokenizer.json --tokenizer char --out data --restart";
    let error = bad(at, input);
    assert!(error.contains("`prepare` writes a file of this name there"), "{error}");
    assert!(content(&at.join("data")) == before);
    // A refused run leaves nothing.
    bad(at, "--input none.txt --out x/y/z");
    assert!(!at.join("x").exists());
}

#[test]
fn data_without_a_validation_set_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.jsonl", jsonl(&documents(30).iter().map(String::as_str).collect::<Vec<_>>()));
    for (validation, expected) in [
        ("0", "it was prepared with --validation 0"),
        ("0.000001", "no document was assigned to its validation set"),
    ] {
        let flags = format!("--input a.jsonl --tokenizer char --validation {validation}");
        good(at, &format!("{flags} --out data --restart"));
        let error = refused(train(at, "--data data --out-dir m").spawn().unwrap());
        assert!(error.contains(expected) && error.contains("--restart"), "{error}");
    }
}
