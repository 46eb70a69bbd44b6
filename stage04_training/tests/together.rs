//! Two programs at the same time in one directory of data: each succeeds or is refused because the
//! directory is in use, and the data stays consistent.
//!
//! The second program starts at a random moment during the run of the first.

#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::*;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage04_training::progress::Silent;
use stage04_training::shards::Shards;

/// The number of trials of each pair.
const PAIRS: u64 = 30;

const BUSY: &str = "another program is using this directory";

fn start(at: &Path, arguments: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stage04_training"));
    command.args(arguments.split_whitespace()).current_dir(at);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The end of a program: success, or refused because of the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    Busy,
}

fn end(child: Child) -> End {
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(0) => End::Well,
        Some(1) if error.contains(BUSY) && error.lines().count() == 1 => End::Busy,
        code => panic!("{code:?}\n{error}"),
    }
}

/// Starts both, the second a random time after the first, and returns how they ended.
fn both(at: &Path, first: &str, second: &str, within_ms: u64, round: u64) -> [End; 2] {
    let mut rng = generator(round, Purpose::Other, 0);
    let first = start(at, first);
    std::thread::sleep(Duration::from_micros(rng.random_range(0..1000 * within_ms)));
    let second = start(at, second);
    [end(first), end(second)]
}

/// Documents that fill several shards, and a command that commits often.
fn place() -> (tempfile::TempDir, &'static str) {
    let directory = tempfile::tempdir().unwrap();
    let documents = documents(4000);
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    put(directory.path(), "in.jsonl", jsonl(&texts));
    let prepare = "prepare --input in.jsonl --out data --tokenizer char --validation 0.1 \
                   --commit-bytes 50000 --shard-tokens 100000 --pause-ms 2 --threads 2";
    (directory, prepare)
}

const TINY: &str = "--n-layer 1 --n-head 1 --n-embd 8 --block-size 8 --batch-size 2 --eval-iters 1 \
                    --threads 1 --peak-tflops 0.1 --max-iters 3";

#[test]
fn one_of_two_preparations_is_refused_and_the_data_is_consistent() {
    let (directory, prepare) = place();
    let at = directory.path();
    let mut ends = Vec::new();
    good(at, prepare.trim_start_matches("prepare "));
    let expected = shards(&at.join("data"));
    for second in [prepare.to_string(), format!("{prepare} --restart")] {
        for round in 0..PAIRS {
            fs::remove_dir_all(at.join("data")).ok();
            let both = both(at, prepare, &second, 120, round);
            // At least the program that came first has succeeded.
            assert!(both.contains(&End::Well), "{both:?}");
            let data = Shards::open(&at.join("data")).unwrap();
            data.verify(&Silent).unwrap();
            data.tokenizer().unwrap();
            assert!(shards(&at.join("data")) == expected);
            let mut names: Vec<String> = content(&at.join("data")).into_keys().collect();
            names.retain(|name| !name.ends_with(".bin"));
            assert_eq!(names, [".lock", "manifest.json", "tokenizer.json"]);
            ends.extend(both);
        }
    }
    println!(
        "of two preparations, {} were refused",
        ends.iter().filter(|end| **end == End::Busy).count()
    );
    assert!(ends.contains(&End::Busy), "no two ran at the same time");
}

#[test]
fn training_runs_on_the_same_text_wait_for_one_another() {
    let (directory, _) = place();
    let at = directory.path();
    put(at, "text.txt", documents(2000).join("\n"));
    let train = |seed: u64| {
        format!("train --text text.txt --tokenizer bpe:400 {TINY} --seed {seed} --out-dir r{seed}")
    };
    for round in 0..PAIRS {
        fs::remove_dir_all(at.join("data")).ok();
        let both = both(at, &train(1), &train(2), 40, round);
        assert_eq!(both, [End::Well; 2]);
    }
    // The same with four runs.
    fs::remove_dir_all(at.join("data")).unwrap();
    let children: Vec<Child> = (1..=4).map(|seed| start(at, &train(seed))).collect();
    assert!(children.into_iter().all(|child| end(child) == End::Well));
    let data = fs::read_dir(at.join("data")).unwrap().next().unwrap().unwrap().path();
    Shards::open(&data).unwrap().verify(&Silent).unwrap();
}

#[test]
fn data_in_use_is_not_prepared_again() {
    let (directory, prepare) = place();
    let at = directory.path();
    good(at, prepare.trim_start_matches("prepare "));
    let expected = shards(&at.join("data"));
    let restart = format!("{prepare} --restart");
    let train = format!("train --data data {TINY} --max-iters 60 --out-dir model");
    let mut refused = [0; 2];
    for round in 0..PAIRS {
        let (first, second) = if round % 2 == 0 { (&train, &restart) } else { (&restart, &train) };
        let both = both(at, first, second, 80, round);
        assert!(both.contains(&End::Well), "{both:?}");
        refused.iter_mut().zip(both).for_each(|(n, end)| *n += u64::from(end == End::Busy));
        assert!(shards(&at.join("data")) == expected);
        Shards::open(&at.join("data")).unwrap().verify(&Silent).unwrap();
    }
    println!("refused: {refused:?}");
    assert!(refused.iter().sum::<u64>() > 0, "no two ran at the same time");
    // A second reader, and a `prepare` of finished data, are not refused.
    let forever = format!("train --data data {TINY} --max-iters 1000000 --out-dir forever");
    let mut reader = start(at, &forever);
    while !at.join("forever/log.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(good(at, prepare.trim_start_matches("prepare ")).contains("already finished"));
    assert_eq!(end(start(at, &format!("train --data data {TINY} --out-dir other"))), End::Well);
    let error = bad(at, restart.trim_start_matches("prepare "));
    assert!(error.contains(BUSY) && error.contains("name another directory"), "{error}");
    reader.kill().unwrap();
    reader.wait().unwrap();
}

/// Ctrl-C ends the waiting for another program.
#[cfg(unix)]
#[test]
fn waiting_ends_with_ctrl_c() {
    use std::io::{BufRead, BufReader};
    let (directory, _) = place();
    let at = directory.path();
    put(at, "text.txt", documents(50).join("\n"));
    let train = format!("train --text text.txt --tokenizer char {TINY} --out-dir r");
    assert_eq!(end(start(at, &train)), End::Well);
    let data = fs::read_dir(at.join("data")).unwrap().next().unwrap().unwrap().path();
    let _held = stage01_bigram::files::DirLock::try_exclusive(&data).unwrap().unwrap();
    let mut waiting = start(at, &train);
    let mut line = String::new();
    BufReader::new(waiting.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("waiting for another program that prepares data/"), "{line}");
    let sent = Command::new("kill").args([interrupt(), &waiting.id().to_string()]).status();
    assert!(sent.unwrap().success());
    assert!(!waiting.wait().unwrap().success());
}

/// The signal of Ctrl-C. A background job of a shell ignores it, and so do the programs that it
/// starts: they are asked to end by another one.
#[cfg(unix)]
fn interrupt() -> &'static str {
    /// Bit n − 1 stands for signal n; SIGINT is signal 2.
    const SIGINT: u64 = 1 << 1;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if ignored.is_some_and(|signals| signals & SIGINT != 0) { "-TERM" } else { "-INT" }
}
