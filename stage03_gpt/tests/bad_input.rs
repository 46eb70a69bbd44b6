//! A user's mistake gives a one-line error, and no file is lost or changed.

mod common;

use std::fs;

use common::{Place, TINY};

#[test]
fn texts_that_cannot_be_trained_on() {
    let place = Place::new();
    place.write("empty.txt", "");
    place.write("short.txt", "abcdefghij");
    place.write("latin.txt", b"one\ntwo\ncaf\xe9");
    let train = |text: &str| place.run(&format!("train --text {text} {TINY} --max-iters 1"));
    place.write("one.txt", "a");
    train("one.txt").refuses(&["one.txt: it is too short", "give a text"]);
    train("missing.txt").refuses(&["cannot read missing.txt"]);
    train("empty.txt").refuses(&["empty.txt", "empty"]);
    train("short.txt").refuses(&["--block-size = 8", "longer text"]);
    train("latin.txt").refuses(&["latin.txt", "not UTF-8", "line 3", "0xE9"]);
    train("text.txt missing.txt").refuses(&["missing.txt"]);
    train(".").refuses(&["cannot read ."]);
    assert!(!place.path("out").exists());
}

#[test]
fn numbers_that_cannot_be_used() {
    let place = Place::new();
    let before = place.contents();
    let settings = [
        "n-layer",
        "n-head",
        "n-embd",
        "block-size",
        "batch-size",
        "gradient-accumulation-steps",
        "threads",
        "eval-interval",
        "eval-iters",
    ];
    for setting in settings {
        let flag = format!("--{setting}");
        place.train(&format!("{flag} 0")).refuses(&[]);
        for word in ["-1", "1.5", "many", "99999999999999999999"] {
            assert_eq!(place.train(&format!("{flag} {word}")).code, Some(2), "{flag} {word}");
        }
    }
    for (setting, more) in [
        ("dropout", "1 1.5"),
        ("learning-rate", "0"),
        ("min-lr", "2"),
        ("weight-decay", ""),
        ("beta1", "1"),
        ("beta2", "1"),
        ("grad-clip", ""),
    ] {
        let flag = format!("--{setting}");
        for number in "nan inf -1 -0.001".split(' ').chain(more.split_whitespace()) {
            place.train(&format!("{flag} {number}")).refuses(&[&flag]);
        }
        assert_eq!(place.train(&format!("{flag} much")).code, Some(2));
    }
    place.train("--n-head 3").refuses(&["--n-embd = 16", "multiple of --n-head = 3"]);
    place.train("--preset huge").refuses(&["--preset = huge", "three-minutes"]);
    for tokenizer in ["words", "bpe:", "bpe:1", "bpe:99999999999999999999", "no/such.json"] {
        place.train(&format!("--tokenizer {tokenizer}")).refuses(&[]);
    }
    assert!(place.contents() == before, "something was written");
}

#[test]
fn sizes_that_fit_into_no_memory() {
    let place = Place::new();
    let before = place.contents();
    for flag in [
        "--n-embd 4000000000",
        "--n-embd 600000",
        "--n-layer 1000000000000",
        "--n-embd 18446744073709551614",
        "--batch-size 1000000000000",
        "--batch-size 18446744073709551615",
        "--threads 1000000000",
    ] {
        let setting = flag.split(' ').next().unwrap();
        place.train(flag).refuses(&[setting]);
        place.run(&format!("bench --seconds 0.01 {flag}")).refuses(&[setting]);
    }
    for size in ["1000000000000", "18446744073709551615"] {
        place.train(&format!("--block-size {size}")).refuses(&["--block-size"]);
        place.run(&format!("bench --block-size {size}")).refuses(&["--block-size"]);
        place.run(&format!("bench --vocab-size {size}")).refuses(&["vocabulary"]);
    }
    place.train("--eval-iters 18446744073709551615").refuses(&["--eval-iters", "at most"]);
    for seconds in ["0", "-1", "nan", "inf", "1e300"] {
        place.run(&format!("bench --seconds {seconds}")).refuses(&["--seconds"]);
    }
    // Large numbers that cost time but no memory are allowed.
    place.train("--max-iters 1 --warmup-iters 18446744073709551615").succeeds();
    fs::remove_dir_all(place.path("out")).unwrap();
    assert!(place.contents() == before, "something was written");
}

#[test]
fn prompts_and_texts_that_a_model_cannot_read() {
    let place = Place::with_model();
    place.write("greek.txt", "The fox\nsees αβγ.\n");
    place.write("empty.txt", "");
    place.write("one.txt", "T");
    let before = place.contents();
    let model = |command: &str| {
        let (name, flags) = command.split_once(' ').unwrap_or((command, ""));
        place.run(&format!("{name} --model model {flags}"))
    };
    model("sample --prompt Thé").refuses(&["'é'", "U+00E9", "line 1, column 3", "31 characters"]);
    model("eval --text greek.txt").refuses(&["'α'", "line 2, column 6"]);
    model("eval --text empty.txt").refuses(&["empty.txt"]);
    model("eval --text one.txt").refuses(&["too few"]);
    model("eval --text missing.txt").refuses(&["cannot read missing.txt"]);
    model("eval --text text.txt --logits no/such/file").refuses(&["cannot write no/such/file"]);
    for stride in ["0", "9"] {
        model(&format!("eval --text text.txt --stride {stride}")).refuses(&["--stride", "1 to"]);
    }
    for threads in ["0", "1000000000"] {
        model(&format!("eval --text text.txt --threads {threads}")).refuses(&["--threads"]);
    }
    for flag in [
        "--temperature nan",
        "--temperature -1",
        "--temperature inf",
        "--top-k 0",
        "--top-p 0",
        "--top-p 1.1",
        "--top-p nan",
        "--context-shift 0",
        "--context-shift 9",
    ] {
        for command in ["sample", "chat"] {
            model(&format!("{command} {flag}")).refuses(&[flag.split(' ').next().unwrap()]);
        }
    }
    let empty = place.command("sample --model model").args(["--prompt", ""]).output().unwrap();
    common::Finished::new("sample", empty).refuses(&["--prompt"]);
    for command in ["sample", "eval --text text.txt", "chat"] {
        place
            .run(&format!("{command} --model nowhere"))
            .refuses(&["nowhere: there is no such directory"]);
        place.run(&format!("{command} --model text.txt")).refuses(&["text.txt: it is a file"]);
    }
    assert!(place.contents() == before, "something was written");
}

#[test]
fn unknown_commands_and_flags() {
    let place = Place::new();
    for command in ["learn", "--layers 3", "train --model x", "sample extra", "--resume --preset x"]
    {
        let refused = place.run(command);
        assert_eq!(refused.code, Some(2), "{command}");
        assert!(refused.err.starts_with("error: "), "{}", refused.err);
    }
}

/// A file truncated at several lengths, and with flipped bits.
fn damaged(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("empty".to_string(), Vec::new())];
    for i in
        [1, 4, 8, 20, bytes.len() / 2, bytes.len() - 1].into_iter().filter(|&i| i < bytes.len())
    {
        all.push((format!("cut at {i}"), bytes[..i].to_vec()));
    }
    for i in (0..bytes.len().min(400)).step_by(7) {
        let mut altered = bytes.to_vec();
        altered[i] ^= 0x55;
        all.push((format!("altered at {i}"), altered));
    }
    all.push(("random".to_string(), (0..200u32).map(|i| (i * i % 251) as u8).collect()));
    all
}

/// No damage to any file of a model is a reason to panic; cut files are always noticed.
#[test]
fn damaged_files_are_named() {
    use stage03_gpt::files::resume::State;
    use stage03_gpt::model::Model;
    let place = Place::with_model();
    let directory = place.path("model");
    for file in ["config.json", "model.safetensors", "tokenizer.json", "trainer.safetensors"] {
        let path = directory.join(file);
        let good = fs::read(&path).unwrap();
        for (damage, bytes) in damaged(&good) {
            fs::write(&path, &bytes).unwrap();
            let error = match file {
                "trainer.safetensors" => State::load(&directory).err(),
                _ => Model::load(&directory).err(),
            };
            // A changed letter of a comment is harmless; a truncated file is not.
            if bytes.len() < good.len().saturating_sub(1) {
                assert!(error.is_some(), "{file} {damage}");
            }
            if let Some(error) = error {
                assert!(error.to_string().contains(file), "{file} {damage}: {error}");
            }
        }
        // And the program's own message.
        fs::write(&path, &good[..good.len() / 2]).unwrap();
        let command = match file {
            "trainer.safetensors" => "train --resume --out-dir model",
            _ => "sample --model model",
        };
        place.run(command).refuses(&[file]);
        fs::remove_file(&path).unwrap();
        place.run(command).refuses(&[file]);
        fs::write(&path, &good).unwrap();
    }
    place.run("sample --model model").succeeds();
}

#[test]
fn sizes_altered_in_the_files_take_no_memory() {
    let place = Place::with_model();
    let config = place.text("model/config.json");
    for (entry, from) in
        [("n_positions", 8), ("n_layer", 1), ("n_embd", 16), ("n_head", 2), ("vocab_size", 31)]
    {
        for to in ["0", "-1", "3.5", "null", "1000000", "1000000000000", "18446744073709551615"] {
            let altered =
                config.replace(&format!("\"{entry}\": {from}"), &format!("\"{entry}\": {to}"));
            assert_ne!(altered, config, "{entry}");
            place.write("model/config.json", altered);
            place.run("sample --model model").refuses(&[]);
        }
    }
    place.write("model/config.json", &config);
    // A weight that is NaN.
    let mut bytes = place.read("model/model.safetensors");
    let first = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[first..first + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    place.write("model/model.safetensors", bytes);
    place.run("sample --model model").refuses(&["the tensor transformer.wte.weight holds NaN"]);
}

#[test]
fn runs_that_cannot_be_resumed() {
    let place = Place::with_model();
    place.write("other.txt", "Another text, of the same few letters or so.\n".repeat(30));
    let before = place.contents();
    let resume = |flags: &str| place.run(&format!("train --resume --out-dir model {flags}"));
    place.run("train --resume").refuses(&["out/gpt", "trainer.safetensors", "--out-dir"]);
    place.run("train --resume --out-dir text.txt").refuses(&["text.txt"]);
    resume("--text other.txt").refuses(&[]);
    resume("--text missing.txt").refuses(&["missing.txt"]);
    for flag in ["n-layer 2", "n-embd 32", "n-head 1", "block-size 4", "dropout 0.5", "bias true"] {
        let name = format!("--{}", flag.split(' ').next().unwrap());
        resume(&format!("--{flag}")).refuses(&[&name, "the saved run has"]);
    }
    resume("--tokenizer bpe:300").refuses(&["--tokenizer"]);
    for flag in ["learning-rate nan", "batch-size 0", "eval-iters 0", "min-lr 7", "threads 0"] {
        let name = format!("--{}", flag.split(' ').next().unwrap());
        resume(&format!("--{flag}")).refuses(&[&name]);
    }
    assert!(place.contents() == before, "something was written");

    // The same letters in another order: only the fingerprint differs.
    let reversed: String = place.text("text.txt").chars().rev().collect();
    place.write("text.txt", reversed);
    resume("--max-iters 9").refuses(&["not the text that the saved run was trained on"]);
}

#[test]
fn directories_that_cannot_be_used() {
    let place = Place::with_model();
    let before = place.contents();
    place.train("--max-iters 1 --out-dir text.txt").refuses(&["--out-dir = text.txt", "file"]);
    place.train("--max-iters 1 --out-dir text.txt/model").refuses(&["text.txt"]);
    assert!(place.contents() == before, "something was written");
    // A model's own directory has no name to move it to when it is called `.`.
    let mut command = place.command(&format!("train --text ../text.txt {TINY} --out-dir ."));
    let output = command.current_dir(place.path("model")).output().unwrap();
    common::Finished::new("--out-dir .", output).refuses(&["--out-dir = .", "moved aside"]);
    assert!(place.contents() == before, "something was written");
}

/// Paths that are saved with a run must be UTF-8; its directory may have any name.
#[test]
#[cfg(target_os = "linux")] // other systems have no such names
fn names_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let name = OsStr::from_bytes(b"a\xff");
    fs::copy(place.path("text.txt"), place.path(".").join(name)).unwrap();
    let run = |arguments: &str| {
        let mut command = place.command(arguments);
        common::Finished::new(arguments, command.arg(name).output().unwrap())
    };
    for command in ["train --text", "bench --seconds 0.01 --text"] {
        run(command).refuses(&["--text = a", "not UTF-8", "rename the file"]);
    }
    let tokenizer = run("train --text text.txt --tokenizer");
    assert_eq!(tokenizer.code, Some(2));
    assert!(tokenizer.err.starts_with("error: a\u{fffd}: not UTF-8"), "{}", tokenizer.err);
    fs::remove_file(place.path(".").join(name)).unwrap();
    run(&format!("train --text text.txt {TINY} --max-iters 2 --out-dir")).succeeds();
    run("train --max-iters 4 --resume --out-dir").succeeds();
}

#[test]
#[cfg(unix)]
fn directories_behind_links() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    fs::create_dir(place.path("real")).unwrap();
    symlink("real", place.path("link")).unwrap();
    symlink("nowhere", place.path("dangling")).unwrap();
    symlink("text.txt", place.path("file")).unwrap();
    for name in ["link", "link/"] {
        // The path behind the link is shown, however long it is.
        let begun = place.train(&format!("--max-iters 2 --out-dir {name}"));
        let resumed = place.run(&format!("train --resume --max-iters 4 --out-dir {name}"));
        assert_eq!((begun.code, resumed.code), (Some(0), Some(0)), "{}{}", begun.err, resumed.err);
        place.run(&format!("sample --model {name} --max-new-tokens 2")).succeeds();
    }
    assert!(place.path("real.1/model.safetensors").exists());
    assert!(place.path("link").symlink_metadata().unwrap().is_symlink());
    for command in ["train", "train --resume"] {
        place
            .run(&format!("{command} --out-dir dangling"))
            .refuses(&["--out-dir = dangling", "link"]);
        place.run(&format!("{command} --out-dir file")).refuses(&["--out-dir = file", "a file"]);
    }
    let long = "n".repeat(300);
    place.train(&format!("--out-dir {long}")).refuses(&["choose a shorter name"]);
}

#[test]
#[cfg(unix)]
fn a_directory_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    fs::create_dir(place.path("locked")).unwrap();
    fs::set_permissions(place.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(place.path("locked/x"), "").is_ok() {
        return; // the superuser may write everywhere
    }
    place.train("--max-iters 1 --out-dir locked/model").refuses(&["locked"]);
}

#[test]
fn an_earlier_model_is_kept_and_so_are_the_files_beside_it() {
    let place = Place::with_model();
    let first = place.read("model/model.safetensors");
    // Names that look like the program's temporary ones may be a user's own.
    for directory in ["model.new", "model.1", "model.tmp"] {
        fs::create_dir(place.path(directory)).unwrap();
        place.write(&format!("{directory}/notes.txt"), directory);
    }
    let second = place.train("--max-iters 2 --out-dir model").succeeds();
    assert!(second.out.contains("is now in model.2"), "{}", second.out);
    assert!(place.read("model.2/model.safetensors") == first);
    for directory in ["model.new", "model.1", "model.tmp"] {
        assert_eq!(place.text(&format!("{directory}/notes.txt")), directory);
    }
    // A directory with other things in it, and one with nothing.
    fs::create_dir(place.path("mine")).unwrap();
    place.write("mine/notes.txt", "mine");
    fs::create_dir(place.path("empty")).unwrap();
    for directory in ["mine", "empty"] {
        place.train(&format!("--max-iters 2 --out-dir {directory}")).succeeds();
        place.run(&format!("sample --model {directory} --max-new-tokens 3")).succeeds();
    }
    assert_eq!(place.text("mine/notes.txt"), "mine");
}

#[test]
fn a_loss_that_is_nan_stops_the_run_and_keeps_the_last_model() {
    let place = Place::new();
    for (directory, flags) in [
        ("rare", "--eval-interval 100 --learning-rate 1e30"),
        ("often", "--eval-interval 1 --learning-rate 1e38"), // it is evaluated, and must not be saved
    ] {
        let wild = "--max-iters 20 --warmup-iters 0 --grad-clip 0";
        place.train(&format!("{wild} {flags} --out-dir {directory}")).refuses(&[
            "the loss became",
            "at iteration 1",
            "--learning-rate",
        ]);
        place.run(&format!("sample --model {directory} --max-new-tokens 3")).succeeds();
        let tame = "--max-iters 20 --learning-rate 1e-3 --grad-clip 1";
        place.run(&format!("train --resume --out-dir {directory} {tame}")).succeeds();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_not() {
    let place = Place::with_model();
    for command in ["sample --model model", "eval --model model --text text.txt"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = place.command(command).stdout(full).output().unwrap();
        common::Finished::new(command, output).refuses(&["standard output", "space"]);
    }
    // A failure to print a remark is ignored.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = place.command("sample --model model").stderr(full).output().unwrap().status;
    assert_eq!(status.code(), Some(0));
}

/// A limit on the size of files stands for a full disk: a write fails half way through.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_keeps_the_last_checkpoint() {
    let place = Place::with_model();
    let model = place.read("model/model.safetensors");
    let state = place.read("model/trainer.safetensors");
    let before = fs::read_dir(place.path("model")).unwrap().count();
    let output = std::process::Command::new("sh")
        .current_dir(place.path("."))
        // Signal 25 would end the process; ignored, the write itself fails.
        .args([
            "-c",
            "trap '' 25; ulimit -f 16; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_stage03_gpt"),
        ])
        .args(["train", "--resume", "--out-dir", "model", "--max-iters", "9"])
        .output()
        .unwrap();
    common::Finished::new("with a full disk", output)
        .refuses(&["cannot write model/trainer.safetensors"]);
    assert!(place.read("model/model.safetensors") == model);
    assert!(place.read("model/trainer.safetensors") == state);
    assert_eq!(fs::read_dir(place.path("model")).unwrap().count(), before, "half a file was left");
    place.run("train --resume --out-dir model --max-iters 9").succeeds();
}
