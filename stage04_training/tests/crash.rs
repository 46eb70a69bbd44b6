//! A process that is killed at any instant leaves the last good checkpoint.
//!
//! The signal is SIGKILL, which no program can catch. The moments are random and differ between
//! machines; the assertions hold for all of them.

#![cfg(all(unix, feature = "cli"))]

mod place;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use place::{Place, TINY};
use stage01_bigram::random::{Purpose, generator};
use stage03_gpt::model::Model;
use stage04_training::checkpoint::Saved;

/// Checks that model, state and best model of a directory load. Returns the number of steps.
fn is_whole(directory: &Path) -> usize {
    let saved = Saved::load(directory).unwrap_or_else(|e| panic!("{e}"));
    Model::load(directory).unwrap_or_else(|e| panic!("{e}"));
    let best = directory.join("best");
    if best.exists() {
        Model::load(&best).unwrap_or_else(|e| panic!("{e}"));
    } else {
        assert!(saved.best.is_infinite(), "the best weights are lost");
    }
    saved.state.iter
}

/// An inconsistent checkpoint would fail here: the weights of one step, the position of another.
#[test]
fn a_run_that_is_killed_repeatedly_ends_with_the_same_bytes() {
    let place = Place::new();
    let flags = "--dropout 0.1 --lr-decay-iters 300 --eval-interval 5 --save-interval 2";
    place.train(&format!("{flags} --max-iters 0 --out-dir killed")).succeeds();
    let mut rng = generator(1, Purpose::Other, 0);
    let mut steps = 0;
    for _ in 0..25 {
        place.kill_within(80, "train --resume --out-dir killed --max-iters 10000000", &mut rng);
        let now = is_whole(&place.path("killed"));
        assert!(now >= steps, "{now} steps after {steps}: something was lost");
        steps = now;
    }
    println!("{steps} steps in 25 starts");
    let last = (steps / 5 + 2) * 5; // a step at which the whole run is evaluated, too
    place.run(&format!("train --resume --out-dir killed --max-iters {last}")).succeeds();
    place.train(&format!("{flags} --max-iters {last} --out-dir whole")).succeeds();
    place.same("whole", "killed");
    let best = |directory| place.read(&format!("{directory}/best/model.safetensors"));
    assert!(best("whole") == best("killed"));
    // The log has every step once, and the same losses.
    let log = |directory| {
        let losses = |line: &serde_json::Value| {
            let loss = |name: &str| line[name].as_f64();
            (line["iter"].as_u64(), loss("train_loss"), loss("val_loss"))
        };
        place.log(directory).iter().map(losses).collect::<Vec<_>>()
    };
    assert_eq!(log("whole"), log("killed"));
}

/// At most the steps since the last save are lost.
#[test]
fn no_more_than_the_interval_is_lost() {
    let place = Place::new();
    let flags = "--eval-interval 1000000 --save-interval 3 --max-iters 10000000 --out-dir model";
    let mut child = place
        .command(&format!("train --text text.txt {TINY} {flags}"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The state has all logged steps except those of the last interval.
    let log = place.path("model/log.jsonl");
    while fs::read_to_string(&log).map_or(0, |text| text.lines().count()) < 40 {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let logged = fs::read_to_string(&log).unwrap().lines().count();
    let saved = is_whole(&place.path("model"));
    assert!(saved + 3 >= logged && saved > 0, "{saved} of {logged} steps are left");
}

#[test]
fn a_run_that_is_killed_while_it_starts_leaves_nothing_or_everything() {
    let place = Place::new();
    let flags = format!("train --text text.txt {TINY} --max-iters 10000000 --out-dir model");
    let mut rng = generator(2, Purpose::Other, 0);
    for _ in 0..25 {
        place.kill_within(30, &flags, &mut rng);
        let directory = place.path("model");
        if directory.exists() {
            is_whole(&directory);
            fs::remove_dir_all(&directory).unwrap();
        }
    }
    // Leftovers do not disturb the next run, which removes them.
    place.train("--max-iters 1 --out-dir model").succeeds();
    let mut names = place.names();
    names.sort();
    assert_eq!(names, ["data", "model", "text.txt"]);
}

/// The signals of Ctrl-C and of a shutdown.
fn stops_and_says_how_to_resume(signal: &str) {
    let place = Place::new();
    let flags = "--dropout 0.2 --eval-interval 50 --lr-decay-iters 1000";
    // Far more steps than it will do.
    let mut child = place
        .command(&format!(
            "train --text text.txt {TINY} {flags} --max-iters 10000000 --out-dir stopped"
        ))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.trim_start().starts_with("50 ") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    let report = place.text("stopped/report.html");
    assert!(report.contains("Running") && report.contains("http-equiv=\"refresh\""));
    // Meanwhile the directory is locked.
    for second in ["train --resume --out-dir stopped", "--out-dir stopped --n-layer 1"] {
        place.run(second).refuses(&["another program is using this directory"]);
    }
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    let (_, message) = rest.split_once("Stopped after step ").expect("a last message");
    let hint = "\n  cargo run -p stage04_training -- train --resume --out-dir stopped\n";
    assert!(message.contains(hint), "{message}");
    let steps: usize = message.split_once(' ').unwrap().0.replace(',', "").parse().unwrap();
    assert_eq!(is_whole(&place.path("stopped")), steps);
    let report = place.text("stopped/report.html");
    assert!(report.contains("Stopped") && !report.contains("http-equiv"));

    let last = (steps / 50 + 1) * 50;
    place.run(&format!("train --resume --out-dir stopped --max-iters {last}")).succeeds();
    place.train(&format!("{flags} --max-iters {last} --out-dir whole")).succeeds();
    place.same("whole", "stopped");
}

#[test]
fn ctrl_c_saves_and_says_how_to_resume() {
    stops_and_says_how_to_resume("-INT");
}

#[test]
fn sigterm_saves_and_says_how_to_resume() {
    stops_and_says_how_to_resume("-TERM");
}

/// A limit on the size of files simulates a full disk: a write fails half way through.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_keeps_the_last_checkpoint() {
    let place = Place::with_model();
    let files = ["model.safetensors", "trainer.safetensors", "best/model.safetensors"];
    let read = || files.map(|file| place.read(&format!("model/{file}")));
    let before = (read(), fs::read_dir(place.path("model")).unwrap().count());
    let output = Command::new("sh")
        .current_dir(place.path("."))
        // Signal 25 would end the process; ignored, the write itself fails.
        .args(["-c", "trap '' 25; ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_stage04_training"))
        .args(["train", "--resume", "--out-dir", "model", "--max-iters", "9"])
        .env("COLUMNS", "60")
        .output()
        .unwrap();
    place::Finished::new("with a full disk", output).refuses(&["cannot write model/"]);
    assert!((read(), fs::read_dir(place.path("model")).unwrap().count()) == before);
    place.run("train --resume --out-dir model --max-iters 9").succeeds();
}
