//! Two programs that train in one directory: one runs, the other is refused, and nothing is lost.
//!
//! The moments are random and differ between machines; the assertions hold for all of them. Stage 3
//! has the same test for two of its own runs; here one of the two may be of stage 3.

#![cfg(all(unix, feature = "cli"))]

mod place;

use std::ffi::OsString;
use std::process::{ExitCode, Stdio};

use place::{BUSY, Finished, Place, TINY};
use stage03_gpt::model::Model;
use stage04_training::checkpoint::Saved;

/// Checks that the run in the directory loads, with its best weights, and can be resumed.
fn is_whole(place: &Place) {
    let model = place.path("model");
    Saved::load(&model).unwrap_or_else(|e| panic!("{e}"));
    for path in [model.join("best"), model] {
        if path.exists() {
            Model::load(&path).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    for name in place.names() {
        assert!(!name.starts_with('.'), "{name} is left");
    }
    place.run("train --resume --out-dir model").succeeds();
}

fn new(n_embd: usize) -> String {
    format!(
        "train --text text.txt {TINY} --n-embd {n_embd} --max-iters 60 --eval-interval 5 \
         --out-dir model"
    )
}

#[test]
fn two_runs_of_this_stage() {
    let mut refused = 0;
    for _ in 0..4 {
        let place = Place::new();
        place.train("--max-iters 0 --out-dir other").succeeds(); // the data is prepared
        refused += place.pair([&new(16), &new(32)]); // where there is no such directory
        is_whole(&place);
        refused += place.pair([&new(32), &new(16)]); // where there is one
        is_whole(&place);
        let resume = "train --resume --out-dir model --max-iters 150";
        refused += place.pair([&new(32), resume]);
        is_whole(&place);
        let resume = "train --resume --out-dir model --max-iters 300";
        refused += place.pair([resume, resume]);
        is_whole(&place);
    }
    assert!(refused > 0, "they never ran at the same time");
}

/// Stage 3 in this process.
fn stage3(place: &Place, command: &str) -> ExitCode {
    let argument = |word: &str| match word.strip_prefix('@') {
        Some(name) => place.path(name).into_os_string(),
        None => OsString::from(word),
    };
    stage03_gpt::cli::main(
        ["stage03_gpt"].into_iter().chain(command.split_whitespace()).map(argument),
    )
}

#[test]
fn a_run_of_stage_3_and_one_of_this_stage() {
    let tiny = TINY.replace("--peak-tflops 0.1", "");
    let mut refused = 0;
    for i in 0..6 {
        let place = Place::new();
        place.train("--max-iters 0 --out-dir other").succeeds(); // the data is prepared
        let commands = [
            format!(
                "train --text @text.txt {tiny} --max-iters 100 --eval-interval 25 --out-dir @model"
            ),
            "train --resume --out-dir @model --max-iters 200".to_string(),
        ];
        // The text by its whole path: the run of stage 3 is in this process, in another directory, and
        // may resume what the other one began.
        let text = place.path("text.txt").display().to_string();
        let second = [
            new(32).replace("text.txt", &text),
            "train --resume --out-dir model --max-iters 200".to_string(),
        ];
        for (first, second) in commands.iter().zip(&second) {
            let mut child = place.command(second);
            let child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            if i % 2 == 1 {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            let here = stage3(&place, first) == ExitCode::SUCCESS;
            let there = Finished::new(second, child.wait_with_output().unwrap());
            if there.code != Some(0) {
                there.refuses(&[BUSY]);
                assert!(here, "both were refused");
                refused += 1;
            } else if !here {
                refused += 1;
            }
            is_whole(&place);
        }
    }
    assert!(refused > 0, "they never ran at the same time");
}
