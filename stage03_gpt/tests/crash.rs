//! A process that is killed at any instant leaves the last good checkpoint.
//!
//! The signal is KILL, which no program can catch: it dies between two instructions, wherever
//! that is. The moments are random and different on every machine, and what is asserted holds
//! for all of them.

#![cfg(unix)]

mod common;

use std::fs;

use common::{Place, TINY, is_whole};
use stage01_bigram::random::{Purpose, generator};

/// A mixture of two checkpoints would fail here.
#[test]
fn a_run_that_is_killed_many_times_ends_like_one_that_never_was() {
    let place = Place::new();
    let flags = format!("{TINY} --dropout 0.1 --lr-decay-iters 300 --eval-interval 3");
    place.train(&format!("--max-iters 0 --out-dir killed {}", &flags[TINY.len()..])).succeeds();
    let mut rng = generator(1, Purpose::Other, 0);
    let mut steps = 0;
    for _ in 0..25 {
        place.kill_within(60, "train --resume --out-dir killed --max-iters 10000000", &mut rng);
        let now = is_whole(&place.path("killed"));
        assert!(now >= steps, "{now} steps after {steps}: something was lost");
        steps = now;
    }
    let last = steps + 5;
    place.run(&format!("train --resume --out-dir killed --max-iters {last}")).succeeds();
    place
        .run(&format!("train --text text.txt {flags} --max-iters {last} --out-dir whole"))
        .succeeds();
    for file in ["model.safetensors", "trainer.safetensors", "config.json", "tokenizer.json"] {
        let same = place.read(&format!("whole/{file}")) == place.read(&format!("killed/{file}"));
        assert!(same, "{file} differs");
    }
    // The metrics log, too, has every step once.
    let log = place.text("killed/log.jsonl");
    let iters = log.lines().map(|line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["iter"].as_u64().unwrap()
    });
    assert_eq!(iters.collect::<Vec<_>>(), (0..=last as u64).collect::<Vec<_>>());
}

#[test]
fn a_run_that_is_killed_while_it_starts_leaves_nothing_or_everything() {
    let place = Place::new();
    let flags = format!("train --text text.txt {TINY} --max-iters 10000000 --out-dir model");
    let mut rng = generator(2, Purpose::Other, 0);
    let mut started = 0;
    for _ in 0..25 {
        place.kill_within(25, &flags, &mut rng);
        let directory = place.path("model");
        if directory.exists() {
            is_whole(&directory);
            fs::remove_dir_all(&directory).unwrap();
            started += 1;
        }
    }
    println!("{started} of 25 had begun");
    // Their unfinished directories do not hinder the next run, which removes them.
    place.train("--max-iters 1 --out-dir model").succeeds();
    let names = place.names();
    assert_eq!(names.len(), 2, "{names:?}"); // the text and the model
}

#[test]
fn an_earlier_model_survives_a_start_that_is_killed() {
    let place = Place::new();
    let mut rng = generator(3, Purpose::Other, 0);
    place.train("--max-iters 2 --out-dir model").succeeds();
    let earlier = place.read("model/trainer.safetensors");
    for i in 0..25 {
        let flags = format!("train --text text.txt {TINY} --seed {i} --max-iters 10000000");
        place.kill_within(25, &format!("{flags} --out-dir model"), &mut rng);
        // Under the name is a whole model or, for an instant, none; and the earlier one is there
        // or has been moved aside, to the byte.
        let mut directories = place.names();
        directories.retain(|name| name.starts_with("model"));
        directories.iter().for_each(|name| {
            is_whole(&place.path(name));
        });
        let kept = |name: &String| place.read(&format!("{name}/trainer.safetensors")) == earlier;
        assert!(directories.iter().any(kept), "{directories:?}");
    }
}
