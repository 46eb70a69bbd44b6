//! Two programs with one directory: one trains, the other is refused, and nothing is lost.
//!
//! Each file of a model is replaced atomically, and yet two runs could leave a mixture of their
//! files. The moments are random and different on every machine, and the assertions hold for all
//! of them.

#![cfg(unix)]

mod common;

use std::fs;

use common::{BUSY, Place, TINY};

/// Every directory whose name begins so holds a model and a state that belong together, and no
/// temporary file.
fn is_whole(place: &Place, name: &str) {
    for found in place.names() {
        assert!(!found.starts_with('.'), "{found} is left");
        if found.starts_with(name) {
            let path = place.path(&found);
            common::is_whole(&path);
            let left = |name: &str| name.ends_with(".tmp") || name.ends_with(".unfinished");
            let mut names = fs::read_dir(&path).unwrap();
            assert!(!names.any(|n| left(&n.unwrap().file_name().into_string().unwrap())));
        }
    }
    place.run(&format!("train --resume --out-dir {name}")).succeeds();
}

/// Runs long enough to meet, of two sizes, so that a mixture of both could not be loaded.
fn new(n_embd: usize) -> String {
    format!(
        "train --text text.txt {TINY} --n-embd {n_embd} --max-iters 100 --eval-interval 5 --out-dir model"
    )
}

#[test]
fn two_new_runs() {
    let mut refused = 0;
    for _ in 0..6 {
        let place = Place::new(); // where there is no such directory
        refused += place.pair([&new(16), &new(32)]);
        is_whole(&place, "model");
        refused += place.pair([&new(32), &new(16)]); // where there is one
        is_whole(&place, "model");
    }
    assert!(refused > 0, "they never met");
}

#[test]
fn a_new_run_and_a_resumed_one() {
    let place = Place::new();
    place.train("--out-dir model --max-iters 2").succeeds();
    let mut refused = 0;
    for i in 1..=6 {
        let resume = format!("train --resume --out-dir model --max-iters {}", 100 * i);
        refused += place.pair([&new(32), &resume]);
        is_whole(&place, "model");
    }
    assert!(refused > 0, "they never met");
}

#[test]
fn two_resumed_runs() {
    let place = Place::new();
    place.train("--out-dir model --max-iters 2 --eval-interval 5").succeeds();
    let mut refused = 0;
    for i in 1..=6 {
        let resume = format!("train --resume --out-dir model --max-iters {}", 100 * i);
        refused += place.pair([&resume, &resume]);
        is_whole(&place, "model");
    }
    assert!(refused > 0, "they never met");
    // The same as the weights of an undisturbed run.
    let whole = "--max-iters 600 --eval-interval 5 --lr-decay-iters 2 --warmup-iters 0";
    place.train(&format!("{whole} --out-dir whole")).succeeds();
    let weights = |name: &str| place.read(&format!("{name}/model.safetensors")).len();
    assert_eq!(weights("model"), weights("whole"));
}

#[test]
fn a_second_run_is_refused_at_once_and_before_anything_is_read() {
    let place = Place::with_model();
    let mut first = place.start_and_wait("train --resume --out-dir model --max-iters 100000000");
    // It is refused for this reason, even if its text is missing.
    for command in ["train --resume --out-dir model", "--text missing.txt --out-dir model/"] {
        place.run(command).refuses(&["model: ", BUSY]);
    }
    std::os::unix::fs::symlink("model", place.path("link")).unwrap();
    place.run("train --resume --out-dir link").refuses(&[BUSY]);
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock ends with the process, however it ends.
    place.run("train --resume --out-dir model --max-iters 5").succeeds();
}
