//! Files of a run that were altered by hand or by a failing disk, and the errors of `--resume`.

mod common;

use std::fs;

use common::Place;

fn resume(place: &Place, flags: &str) -> common::Finished {
    place.run(&format!("train --resume --out-dir model --max-iters 9 {flags}"))
}

#[test]
fn a_config_that_is_not_that_of_the_run_is_named() {
    let place = Place::with_model();
    let good = place.text("model/config.json");
    for (from, to, entry) in [
        ("\"n_layer\": 1", "\"n_layer\": 2", "n_layer is 2, but the run was saved with 1"),
        ("\"n_head\": 2", "\"n_head\": 4", "n_head is 4, but the run was saved with 2"),
        ("\"n_embd\": 16", "\"n_embd\": 32", "n_embd is 32, but the run was saved with 16"),
        ("\"n_positions\": 8", "\"n_positions\": 6", "n_positions is 6"),
        ("\"vocab_size\": 31", "\"vocab_size\": 32", "vocab_size is 32"),
        ("\"vocab_size\": 31", "\"vocab_size\": 9", "vocab_size is 9"),
        ("\"resid_pdrop\": 0.0", "\"resid_pdrop\": 0.5", "resid_pdrop is 0.5"),
        ("\"bias\": false", "\"bias\": true", "bias is true, but the run was saved with false"),
    ] {
        let altered = good.replace(from, to);
        assert_ne!(altered, good, "{from}");
        place.write("model/config.json", altered);
        resume(&place, "").refuses(&["model/config.json", entry, "put", "back, or delete"]);
    }
    // As the message says, it is written again, and the model loads.
    fs::remove_file(place.path("model/config.json")).unwrap();
    let finished = resume(&place, "").succeeds();
    assert!(finished.err.contains("config.json was missing"), "{}", finished.err);
    assert_eq!(place.text("model/config.json"), good);
    place.run("sample --model model --max-new-tokens 3").succeeds();
}

#[test]
fn another_tokenizer_is_noticed_although_it_has_the_same_size() {
    let place = Place::with_model();
    let good = place.text("model/tokenizer.json");
    // Two letters change places.
    let swapped =
        good.replace("\"q\"", "\"?\"").replace("\"x\"", "\"q\"").replace("\"?\"", "\"x\"");
    assert_ne!(swapped, good);
    place.write("model/tokenizer.json", swapped);
    resume(&place, "").refuses(&["model/tokenizer.json", "not the tokenizer", "restore the file"]);
    place.write("model/tokenizer.json", good);
    resume(&place, "").succeeds();
}

#[test]
fn an_altered_state_is_noticed() {
    let place = Place::with_model();
    let good = place.read("model/trainer.safetensors");
    for back in [1, 100, good.len() / 2] {
        let mut altered = good.clone();
        altered[good.len() - back] ^= 1;
        place.write("model/trainer.safetensors", altered);
        resume(&place, "").refuses(&["trainer.safetensors", "its checksum differs", "restore"]);
    }
    place.write("model/trainer.safetensors", good);
    // `model.safetensors` is for other programs: a resumed run does not read it, and replaces it.
    place.write("model/model.safetensors", "not a model");
    resume(&place, "").succeeds();
    place.run("sample --model model --max-new-tokens 3").succeeds();
}

#[test]
fn another_number_of_threads_is_mentioned() {
    let place = Place::new();
    place.train("--out-dir model --max-iters 4 --threads 3").succeeds();
    let kept = resume(&place, "").succeeds();
    assert!(kept.out.contains("3 threads"), "{}", kept.out);
    let other = place.run("train --resume --out-dir model --max-iters 12 --threads 1").succeeds();
    assert!(other.err.contains("had 3 threads so far and continues with 1"), "{}", other.err);
}

/// A number of threads that was not given as a flag is kept too.
#[test]
#[cfg(target_os = "linux")]
fn a_run_goes_on_to_the_byte_where_there_are_fewer_cores() {
    let place = Place::new();
    let tiny = common::TINY.replace(" --threads 2", "");
    let train = |more: &str| place.run(&format!("train --text text.txt {tiny} {more}")).succeeds();
    train("--out-dir whole --max-iters 40 --lr-decay-iters 40");
    train("--out-dir model --max-iters 20 --lr-decay-iters 40");
    let mut command = std::process::Command::new("taskset");
    command.current_dir(place.path(".")).env("COLUMNS", "60");
    command.args(["-c", "0", env!("CARGO_BIN_EXE_stage03_gpt")]);
    command.args("train --resume --out-dir model --max-iters 40".split(' '));
    let Ok(output) = command.output() else { return }; // no such program here
    let finished = common::Finished::new("on one core", output).succeeds();
    for file in ["model.safetensors", "trainer.safetensors"] {
        let read = |name: &str| place.read(&format!("{name}/{file}"));
        // --max-iters is saved too, and is the same in both.
        assert!(read("model") == read("whole"), "{file}: {}", finished.err);
    }
}

#[test]
#[cfg(unix)]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;
    let place = Place::with_model();
    place.write("victim.txt", "precious");
    for name in [".lock", "log.jsonl"] {
        let path = place.path("model").join(name);
        fs::remove_file(&path).unwrap();
        symlink("../victim.txt", &path).unwrap();
        resume(&place, "").refuses(&[
            &format!("model/{name}"),
            "file, and it should be",
            "remove it",
        ]);
        fs::remove_file(&path).unwrap();
    }
    for name in ["loss.svg", "model.safetensors", "config.json.1"] {
        let path = place.path("model").join(name);
        let _ = fs::remove_file(&path);
        symlink("../victim.txt", &path).unwrap();
    }
    resume(&place, "").succeeds();
    // Nor when a run begins.
    fs::create_dir(place.path("mine")).unwrap();
    for name in ["log.jsonl", "trainer.safetensors.tmp", "config.json", "loss.svg"] {
        symlink("../victim.txt", place.path("mine").join(name)).unwrap();
    }
    place.train("--max-iters 2 --out-dir mine").succeeds();
    assert_eq!(place.text("victim.txt"), "precious");
}

/// Any program can append to a log.
#[test]
fn a_log_of_any_content_is_read() {
    let place = Place::with_model();
    let good = place.text("model/log.jsonl");
    let long =
        format!("{{\"iter\": 0, \"elapsed_s\": 1, \"sample\": \"{}\"}}\n", "a".repeat(3 << 20));
    let mut log = b"\xff\xfe not text\n\n[[[[\n{\"iter\": 1e99}\n".to_vec();
    log.extend(long.as_bytes());
    log.extend(good.as_bytes());
    place.write("model/log.jsonl", log);
    resume(&place, "").succeeds();
    let lines = place.text("model/log.jsonl");
    assert!(lines.len() < 1 << 20 && lines.lines().count() == 10, "{lines}");
}
