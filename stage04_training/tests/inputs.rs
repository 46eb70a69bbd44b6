//! The inputs of `prepare`: files with misleading names or without a suffix; and entries that are
//! not regular files.

#![cfg(feature = "cli")]

mod common;

#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};
#[cfg(target_os = "linux")]
use std::time::Duration;

use common::*;

/// Six documents of 47 bytes.
fn six() -> Vec<String> {
    (0..6).map(|n| format!("Document {n}: the light and the darkness, été. ")).collect()
}

fn lines() -> Vec<u8> {
    let six = six();
    jsonl(&six.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn json_is_recognised_under_any_name() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let rows: Vec<_> = six().iter().map(|t| serde_json::json!({ "text": t, "n": 1 })).collect();
    let pretty = serde_json::to_vec_pretty(&rows).unwrap();
    put(at, "plain.jsonl", lines());
    let flags = "--tokenizer bpe:300 --validation 0";
    good(at, &format!("--input plain.jsonl --out plain {flags}"));
    let expected = shards(&at.join("plain"));
    for (name, bytes) in [
        ("a.json", lines()),
        ("a.json.gz", gzip(&lines())),
        ("a.txt", [b"\xEF\xBB\xBF", &lines()[..]].concat()),
        ("a.ndjson", lines()),
        ("a", lines()),
        ("b.jsonl", pretty.clone()),
        ("c.json", pretty),
        ("d.gz", zstd(&lines())),
        ("d.txt", gzip(&lines())),
        ("e.gz", gzip(&tar(&[("lines.json", &lines())]))),
    ] {
        put(at, &format!("in/{name}/{name}"), bytes);
        for (input, out) in
            [(format!("in/{name}/{name}"), "named"), (format!("in/{name}"), "found")]
        {
            let said = good(at, &format!("--input {input} --out {out} {flags}"));
            assert!(said.contains("6 documents, 282 B"), "{input}\n{said}");
            assert!(shards(&at.join(out)) == expected, "{input}");
            std::fs::remove_dir_all(at.join(out)).unwrap();
        }
    }
}

#[test]
fn a_given_format_is_used_and_text_with_braces_is_text() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.jsonl", lines());
    let flags = "--tokenizer bpe:300 --validation 0 --out out --restart";
    let said = good(at, &format!("--input a.jsonl --format text {flags}"));
    assert!(said.contains("1 document, 396 B"), "{said}");
    put(at, "b.txt", "{\n  int x = 1;\n  puts(\"a\");\n}\n");
    let said = good(at, &format!("--input b.txt {flags}"));
    assert!(said.contains("1 document, 30 B"), "{said}");
    let error = bad(at, &format!("--input b.txt --format jsonl {flags}"));
    assert!(error.contains("b.txt:1: not a JSON object") && error.contains("--format"), "{error}");
    // The tokens differ, so the directory does not match.
    good(at, &format!("--input a.jsonl {flags}"));
    let error =
        bad(at, &format!("--input a.jsonl --format text {}", flags.replace("--restart", "")));
    assert!(error.contains("--format"), "{error}");
    // Settings beside data are not data, unless they are named.
    put(at, "data/a.jsonl", lines());
    put(at, "data/dataset_infos.json", "{\n  \"default\": {}\n}\n");
    let said = good(at, &format!("--input data {flags}"));
    assert!(said.contains("6 documents") && said.contains("1 .json"), "{said}");
    let error = bad(at, &format!("--input data/dataset_infos.json {flags}"));
    assert!(error.contains("no field \"text\" in \"default\""), "{error}");
}

#[test]
fn nested_fields_are_named_with_dots() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(at, "a.jsonl", "{\"id\": 1, \"meta\": {\"text\": \"one\"}}\n{\"meta.text\": \"two\"}\n");
    let flags = "--tokenizer char --validation 0 --out out --restart";
    let said = good(at, &format!("--input a.jsonl --field meta.text {flags}"));
    assert!(said.contains("2 documents, 6 B"), "{said}");
    let error = bad(at, &format!("--input a.jsonl --field meta.body {flags}"));
    assert!(error.contains("no field \"meta.body\" in \"id\", \"meta.text\""), "{error}");
}

#[test]
fn a_fault_has_the_same_message_with_every_tokenizer() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
    let bpe = BpeTokenizer::train("good text", 260).unwrap().with_end_of_text();
    Tokenizer::Bpe(bpe).save(&at.join("bytes.json")).unwrap();
    let text = documents(300).join("\n").into_bytes();
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    for (name, bytes, expected) in [
        ("cut.txt.gz", cut(gzip(&text)), "cut.txt.gz: it is cut short"),
        ("latin.txt", b"caf\xE9 au lait".to_vec(), "0xE9; convert it"),
        ("no.jsonl", b"plain text\n".to_vec(), "no.jsonl:1: not a JSON object"),
        ("body.jsonl", b"{\"body\": \"x\"}\n".to_vec(), "no field \"text\" in \"body\""),
        ("empty.txt", Vec::new(), "empty.txt: the file is empty"),
        ("a.txt", b"%PDF-1.4\n%\xE2\xE3".to_vec(), "it is a PDF document, which is not read"),
        ("b", b"\x89PNG\r\n\x1A\n\0\0".to_vec(), "it is a PNG picture"),
        ("c.txt", b"\xFF\xFEt\0e\0x\0t\0".to_vec(), "iconv -f UTF-16 -t UTF-8"),
        (
            "window.zst",
            b"\x28\xB5\x2F\xFD\x04\xA8\x01\0\0\0\0\0\0".to_vec(),
            "2048 MiB must be kept in memory (its window), and 128 MiB is the limit",
        ),
        ("evil\u{1B}[31m\u{7}.txt", b"\xFF".to_vec(), "evil\\u{1b}[31m\\u{7}.txt:1: not UTF-8"),
    ] {
        put(at, name, bytes);
        let errors = ["bpe:300", "char", "./bytes.json"].map(|tokenizer| {
            let error = bad(at, &format!("--input {name} --tokenizer {tokenizer} --restart"));
            assert!(error.contains(expected), "{tokenizer}\n{error}");
            assert!(!error.contains(char::is_control), "{error}");
            error
        });
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
        // Nothing is left of the input, and the reason is given.
        let error =
            bad(at, &format!("--input {name} --tokenizer bpe:300 --on-error skip --restart"));
        let begin = expected.split(';').next().unwrap();
        assert!(error.contains("a fault was skipped") || error.contains("no document"), "{error}");
        assert!(error.contains(begin.split(':').next().unwrap()) || name == "c.txt", "{error}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_do_not_block() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for name in ["in/pipe", "in/pipe.txt"] {
        std::fs::create_dir_all(at.join("in")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at.join(name)).status().unwrap();
        assert!(made.success());
        let error = bad(at, &format!("--input {name} --out out"));
        assert!(error.contains("a pipe or a device"), "{error}");
    }
    put(at, "in/a.txt", "some text");
    std::os::unix::fs::symlink("/dev/zero", at.join("in/zero")).unwrap();
    let said = good(at, "--input in --tokenizer char --out out");
    assert!(said.contains("3 (pipe or device)"), "{said}");
    std::os::unix::fs::symlink(".", at.join("in/loop")).unwrap();
    let error = bad(at, "--input in --tokenizer char --out out --restart");
    assert!(
        error.contains("in/loop") && error.contains("leads back to its own directory"),
        "{error}"
    );
    let said = good(at, "--input in --tokenizer char --out out --restart --on-error skip");
    assert!(said.contains("1 (link to its own directory)"), "{said}");
}

/// The most memory that the command had in RAM at a time, in kB, and what it printed.
#[cfg(target_os = "linux")]
fn peak_memory(mut command: Command) -> (u64, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0);
    while child.try_wait().unwrap().is_none() {
        // A line reads `VmHWM:     12345 kB`. A process that has just ended has none.
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.map_or(peak, |line| line.trim().trim_end_matches(" kB").parse().unwrap());
        std::thread::sleep(Duration::from_millis(1));
    }
    (peak, String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
}

/// The memory in RAM is compared with that of an input with few faults: a limit would have to
/// allow for libtorch, where the program has it.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_faults_takes_little_memory() {
    let [few, many] = [7, 700_000].map(|faults| {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        put(at, "faults.jsonl.gz", gzip(&b"x\n".repeat(faults)));
        put(at, "good.txt", "some text");
        let flags = "--input faults.jsonl.gz good.txt --out out --tokenizer char --threads 2 \
                     --on-error skip --validation 0";
        peak_memory(program(at, flags))
    });
    assert!(few.1.contains("7 faults") && many.1.contains("700,000 faults"), "{few:?} {many:?}");
    println!("{} kB and {} kB", few.0, many.0);
    assert!(many.0 < few.0 + 50_000, "{} kB instead of {} kB", many.0, few.0);
}
