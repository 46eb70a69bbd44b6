//! Killed at any instant, the same command continues, and the result is that of an uninterrupted
//! run: every file, every byte.

#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::*;

/// The number of the next job in the journal of a directory.
fn job(out: &Path) -> Option<u64> {
    let text = fs::read_to_string(out.join("journal.json")).ok()?;
    let journal: serde_json::Value = serde_json::from_str(&text).ok()?;
    journal["position"]["job"].as_u64()
}

/// Inputs of several types, with a few faults.
fn inputs(at: &Path) {
    let documents = documents(12_000);
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    let mut lines = jsonl(&texts[..5000]);
    lines.extend(b"{\"no\": \"text\"}\nnot JSON\n");
    put(at, "in/a.jsonl", lines);
    put(at, "in/b.jsonl.gz", gzip(&jsonl(&texts[5000..8000])));
    let archive = |texts: &[&str]| {
        let files: Vec<_> =
            texts.iter().enumerate().map(|(n, t)| (format!("{n}.txt"), t)).collect();
        tar(&files.iter().map(|(n, t)| (n.as_str(), t.as_bytes())).collect::<Vec<_>>())
    };
    let inner: Vec<Vec<u8>> = texts[8000..11_000].chunks(250).map(|t| xz(&archive(t))).collect();
    let names: Vec<String> = (0..inner.len()).map(|n| format!("part{n}_data.xz")).collect();
    let mut files: Vec<_> = names.iter().zip(&inner).map(|(n, b)| (n.as_str(), &b[..])).collect();
    files.push(("picture.png", b"no text"));
    put(at, "in/c.tar", tar(&files));
    put(at, "in/d.txt", texts[11_000..].join(" ").repeat(5));
}

/// Kills the command repeatedly, each time `moment` microseconds after it has made progress, until
/// it finishes. Returns how often it resumed.
fn kill_until_done(at: &Path, flags: &str, mut moment: impl FnMut() -> u64) -> u32 {
    let out = at.join("killed");
    let (mut kills, mut resumed) = (0, 0);
    loop {
        let mut child = program(at, flags).stdout(Stdio::null()).spawn().unwrap();
        let before = job(&out);
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            // Sometimes before it has written anything.
            if kills % 4 == 3 || job(&out) > before {
                break None;
            }
            std::thread::sleep(Duration::from_micros(200));
        };
        resumed += u32::from(before > Some(0));
        match ended {
            Some(status) => {
                assert!(status.success());
                return resumed;
            }
            None => {
                std::thread::sleep(Duration::from_micros(moment()));
                child.kill().unwrap(); // SIGKILL: no cleanup is possible
                child.wait().unwrap();
                kills += 1;
                assert!(kills < 400, "it makes no progress");
            }
        }
    }
}

#[test]
fn a_killed_run_continues_to_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    inputs(at);
    let mut state = 1u64;
    let mut moment = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) % 40_000
    };
    for (tokenizer, split, commit) in [("bpe:400", "document", 40_000), ("char", "tail", 300_000)] {
        let flags = |out: &str| {
            format!(
                "--input in --tokenizer {tokenizer} --split {split} --validation 0.1 --out {out} \
                 --shard-tokens 150000 --on-error skip --threads 3 --commit-bytes {commit} \
                 --pause-ms 20"
            )
        };
        good(at, &flags("straight"));
        // On a busy machine a whole run may finish before the kill; then it tries again.
        let twice = (0..20).any(|_| {
            fs::remove_dir_all(at.join("killed")).ok();
            kill_until_done(at, &flags("killed"), &mut moment) >= 2
        });
        assert!(twice, "no run could be killed twice");
        let (straight, killed) = (content(&at.join("straight")), content(&at.join("killed")));
        assert_eq!(straight.keys().collect::<Vec<_>>(), killed.keys().collect::<Vec<_>>());
        for (name, bytes) in &straight {
            assert!(bytes == &killed[name], "{name} differs");
        }
        assert!(straight.contains_key("train-00002.bin") && straight.contains_key("skipped.jsonl"));
        for out in ["straight", "killed"] {
            fs::remove_dir_all(at.join(out)).unwrap();
        }
    }
}

#[test]
fn an_interrupted_run_is_not_mixed_with_another() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    inputs(at);
    let flags = "--input in --tokenizer char --validation 0.1 --out killed --on-error skip --commit-bytes 50000 \
         --pause-ms 300";
    let mut child = program(at, flags).stdout(Stdio::null()).spawn().unwrap();
    while job(&at.join("killed")) < Some(1) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = content(&at.join("killed"));
    let error = bad(at, &format!("{flags} --sample 50%"));
    assert!(error.contains("--sample was 1.0, and is 0.5 now"), "{error}");
    put(at, "in/e.txt", "a new one");
    let error = bad(at, flags);
    assert!(error.contains("it was reading 4 files, and there are 5 now"), "{error}");
    fs::remove_file(at.join("in/e.txt")).unwrap();
    let text = fs::read(at.join("in/d.txt")).unwrap();
    put(at, "in/d.txt", &text);
    let error = bad(at, flags);
    assert!(error.contains("d.txt was changed since"), "{error}");
    assert!(content(&at.join("killed")) == before, "a refusal changes nothing");
    good(at, &format!("{flags} --restart --pause-ms 0"));
}
