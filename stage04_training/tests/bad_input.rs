//! User errors: each gives a message of one line, and no data is lost.

#![cfg(feature = "cli")]

mod place;

use std::fs;

use place::{Place, TINY};

#[test]
fn recipes_that_cannot_be_used() {
    let place = Place::new();
    let train = |recipe: &str| place.run(&format!("train --text text.txt --recipe {recipe}"));
    train("shakespear-char")
        .refuses(&["--recipe = shakespear-char", "did you mean shakespeare-char?"]);
    train("huge").refuses(&["--recipe = huge", "the recipes are cpu-tiny", ".toml"]);
    train("no/such.toml").refuses(&["cannot read no/such.toml"]);
    for (text, words) in [
        ("n_layers = 4", ["line 1: unknown setting n_layers", "did you mean n_layer?"]),
        ("\nn_layer = \"4\"", ["line 2: n_layer is the text \"4\"", "expected a whole number"]),
        ("seed = 1\nbias = 3", ["line 2: bias is the whole number 3", "true or false"]),
        ("n_layer 4", ["line 1: ", "TOML"]),
        ("n_head = 3", ["--n-embd = 128", "multiple of --n-head = 3"]),
        ("eval_interval = 0", ["--eval-interval = 0", "at least 1"]),
        ("save_minutes = -1", ["--save-minutes = -1", "above 0"]),
    ] {
        place.write("mine.toml", text);
        train("mine.toml").refuses(&words);
    }
    place.write("mine.toml", b"n_layer = 4 # caf\xe9");
    train("mine.toml").refuses(&["mine.toml", "not UTF-8"]);
    assert!(!place.path("out").exists() && !place.path("data").exists());
}

#[test]
fn numbers_and_words_that_cannot_be_used() {
    let place = Place::new();
    let before = place.contents();
    for setting in ["save-interval", "vocab-multiple", "batch-size", "threads", "n-head"] {
        place
            .train(&format!("--{setting} 0"))
            .refuses(&[&format!("--{setting} = 0"), "at least 1"]);
        assert_eq!(place.train(&format!("--{setting} many")).code, Some(2));
    }
    for setting in ["save-minutes", "peak-tflops", "learning-rate"] {
        for number in ["nan", "inf", "-1", "0"] {
            place.train(&format!("--{setting} {number}")).refuses(&[&format!("--{setting}")]);
        }
    }
    place.train("--n-head 3").refuses(&["--n-embd = 16", "multiple of --n-head = 3"]);
    place.train("--dtype bfloat16").refuses(&["--dtype", "--precision"]);
    assert_eq!(place.train("--precision f16").code, Some(2));
    for size in ["--n-embd 4000000000", "--n-layer 1000000000000", "--batch-size 10000000000000"] {
        let setting = size.split(' ').next().unwrap();
        place.train(size).refuses(&[setting]);
    }
    for word in ["learn", "--layers 3", "sample extra", "--resume --recipe cpu-tiny"] {
        assert_eq!(place.run(word).code, Some(2), "{word}");
    }
    fs::remove_dir_all(place.path("out")).unwrap(); // prepared before the model was too large
    assert!(place.contents() == before, "something was written");
}

#[test]
fn devices_that_are_missing() {
    let place = Place::new();
    place.train("--device gpu").refuses(&["--device = gpu", "auto, cpu, cuda, cuda:N"]);
    place.train("--device cuda:x").refuses(&["--device = cuda:x"]);
    place.train("--device cpu:1").refuses(&["--device = cpu:1"]);
    place.train("--device cpu --precision tf32").refuses(&["--precision = tf32", "f32 or bf16"]);
    // With libtorch the message depends on the machine: `doctor` has its own tests.
    #[cfg(not(feature = "torch"))]
    for device in ["cuda", "cuda:1", "mps"] {
        place.train(&format!("--device {device}")).refuses(&["--features torch"]);
    }
    assert!(!place.path("out").exists());
    place.train("--device cpu --max-iters 1").succeeds();
}

#[test]
fn data_that_cannot_be_used() {
    let place = Place::with_model();
    let data = place.data();
    let flags = TINY.replace("--tokenizer char", "");
    let train =
        |data: &str| place.run(&format!("train {flags} --max-iters 2 --out-dir new --data {data}"));
    train("nowhere").refuses(&["--data = nowhere", "no such directory", "prepare"]);
    train("text.txt").refuses(&["--data = text.txt"]);
    train("model").refuses(&["manifest"]);
    train(&format!("{data} --text text.txt")).refuses(&["--data", "leave out --text"]);
    train(&format!("{data} --tokenizer char")).refuses(&["--data", "leave out --tokenizer"]);
    train(&format!("{data} --block-size 5000")).refuses(&["--block-size = 5000"]);

    // A file that was cut short, and one that is missing.
    let shard = place.path(&format!("{data}/train-00000.bin"));
    let good = fs::read(&shard).unwrap();
    fs::write(&shard, &good[..good.len() / 2]).unwrap();
    train(&data).refuses(&["train-00000.bin", "bytes"]);
    fs::remove_file(&shard).unwrap();
    train(&data).refuses(&["cannot read", "train-00000.bin"]);
    // Invalid tokens: the lengths are right, so only reading detects them.
    fs::write(&shard, vec![0xff; good.len()]).unwrap();
    train(&data).refuses(&["train-00000.bin", "its checksum is"]);
    train(&format!("{data} --no-verify")).refuses(&["the token 65535", "the model knows only 31"]);
    fs::write(&shard, &good).unwrap();
    let manifest = place.path(&format!("{data}/manifest.json"));
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    train(&data).refuses(&["manifest.json"]);
    fs::write(&manifest, text.replace("\"vocab_size\": 31", "\"vocab_size\": 9999")).unwrap();
    train(&data).refuses(&["manifest.json", "altered after it was written"]);
    fs::write(&manifest, &text).unwrap();
    train(&data).succeeds();
}

#[test]
fn runs_that_cannot_be_resumed() {
    let place = Place::with_model();
    place.write("other.txt", "Wholly other letters: 1234 ABC\n".repeat(30));
    place.run("prepare --input other.txt --tokenizer char --out other").succeeds();
    // Other data that was prepared may stay.
    let run = || {
        let files = place.contents().into_iter();
        files.filter(|(path, _)| path.starts_with(place.path("model"))).collect::<Vec<_>>()
    };
    let before = run();
    let resume = |flags: &str| place.run(&format!("train --resume --out-dir model {flags}"));
    place.run("train --resume").refuses(&["out/training", "trainer.safetensors", "--init-from"]);
    resume("--data other").refuses(&[
        "--data = other",
        "another tokenizer",
        "model/tokenizer.json",
    ]);
    resume("--text other.txt").refuses(&["'W'"]);
    resume("--text missing.txt").refuses(&["missing.txt"]);
    resume("--data nowhere").refuses(&["--data = nowhere"]);
    for flag in ["n-layer 2", "n-embd 32", "n-head 1", "block-size 4", "dropout 0.5", "bias true"] {
        let name = format!("--{}", flag.split(' ').next().unwrap());
        resume(&format!("--{flag}")).refuses(&[&name, "the saved run has"]);
    }
    resume("--vocab-multiple 64").refuses(&["--vocab-multiple", "the saved run has 1"]);
    for flag in ["learning-rate nan", "batch-size 0", "eval-iters 0", "min-lr 7", "save-minutes 0"]
    {
        let name = format!("--{}", flag.split(' ').next().unwrap());
        resume(&format!("--{flag}")).refuses(&[&name]);
    }
    assert!(run() == before && !before.is_empty(), "something was written");

    for file in ["trainer.safetensors", "tokenizer.json", "config.json"] {
        let path = place.path(&format!("model/{file}"));
        let good = fs::read(&path).unwrap();
        fs::write(&path, &good[..good.len() / 2]).unwrap();
        resume("").refuses(&[file]);
        fs::remove_file(&path).unwrap();
        if file != "config.json" {
            resume("").refuses(&[file]);
        }
        fs::write(&path, &good).unwrap();
    }
    resume("--max-iters 5").succeeds();
}

/// Each altered file of a run is named.
#[test]
fn an_altered_run_is_not_resumed() {
    let place = Place::with_model();
    let resume = || place.run("train --resume --out-dir model --max-iters 9");
    let altered = |file: &str, from: &str, to: &str| {
        let good = place.text(&format!("model/{file}"));
        assert!(good.contains(from), "{file}: {from}");
        place.write(&format!("model/{file}"), good.replace(from, to));
        good
    };
    let good = altered("config.json", "\"n_layer\": 1", "\"n_layer\": 2");
    resume().refuses(&["config.json", "n_layer is 2, but the run was saved with 1", "delete"]);
    place.write("model/config.json", &good);
    // A tokenizer that is equal but has other bytes is refused, too.
    let good = altered("tokenizer.json", "\"version\"", "  \"version\"");
    resume().refuses(&["tokenizer.json", "not the tokenizer that the run was saved with"]);
    place.write("model/tokenizer.json", good);
    let mut state = place.read("model/trainer.safetensors");
    let last = state.len() - 1;
    state[last] ^= 1;
    place.write("model/trainer.safetensors", &state);
    resume().refuses(&["trainer.safetensors", "checksum"]);
    state[last] ^= 1;
    place.write("model/trainer.safetensors", state);
    fs::remove_file(place.path("model/config.json")).unwrap();
    resume().succeeds();
    place.run("sample --model model --max-new-tokens 3").succeeds();
}

#[test]
#[cfg(unix)]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;
    let place = Place::with_model();
    place.write("victim.txt", "precious");
    fs::create_dir(place.path("victim")).unwrap();
    let resume = || place.run("train --resume --out-dir model --max-iters 9");
    for (name, target) in
        [(".lock", "../victim.txt"), ("log.jsonl", "../victim.txt"), ("best", "../victim")]
    {
        let path = place.path("model").join(name);
        let away = place.path("away");
        fs::rename(&path, &away).unwrap();
        symlink(target, &path).unwrap();
        resume().refuses(&[&format!("model/{name}"), "remove it"]);
        fs::remove_file(&path).unwrap();
        fs::rename(&away, &path).unwrap();
    }
    fs::remove_file(place.path("model/report.html")).unwrap();
    symlink("../victim.txt", place.path("model/report.html")).unwrap();
    resume().succeeds();
    assert!(place.text("model/report.html").contains("<html"));
    assert_eq!(place.text("victim.txt"), "precious");
    assert_eq!(fs::read_dir(place.path("victim")).unwrap().count(), 0);
}

#[test]
fn directories_that_cannot_be_used() {
    let place = Place::with_model();
    let before = place.contents();
    place.train("--max-iters 1 --out-dir text.txt").refuses(&["--out-dir = text.txt", "file"]);
    place.train("--max-iters 1 --out-dir text.txt/model").refuses(&["text.txt"]);
    assert!(place.contents() == before, "something was written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::create_dir(place.path("locked")).unwrap();
        fs::set_permissions(place.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
        // The superuser may write everywhere.
        if fs::write(place.path("locked/x"), "").is_err() {
            place.train("--max-iters 1 --out-dir locked/model").refuses(&["locked"]);
        }
    }
}

#[test]
fn an_earlier_model_is_kept() {
    let place = Place::with_model();
    let first = place.read("model/model.safetensors");
    let second = place.train("--max-iters 2 --out-dir model").succeeds();
    assert!(second.out.contains("is now in model.1"), "{}", second.out);
    assert!(place.read("model.1/model.safetensors") == first);
    assert!(!place.read("model.1/best/model.safetensors").is_empty());
}

#[test]
fn a_loss_that_is_nan_stops_the_run_and_keeps_the_last_model() {
    let place = Place::new();
    for (directory, flags) in [
        ("rare", "--eval-interval 100 --learning-rate 1e30"),
        ("often", "--eval-interval 1 --learning-rate 1e38"), // evaluated, and must not be saved
        ("saved", "--eval-interval 100 --save-interval 1 --learning-rate 1e38"),
    ] {
        let wild = "--max-iters 20 --warmup-iters 0 --grad-clip 0";
        let run = place.train(&format!("{wild} {flags} --out-dir {directory}"));
        run.refuses(&["the loss became", "at iteration 1", "--learning-rate"]);
        let report = place.text(&format!("{directory}/report.html"));
        assert!(report.contains("Ended with an error") && report.contains("the loss became"));
        assert!(!report.contains("http-equiv"));
        place.run(&format!("sample --model {directory} --max-new-tokens 3")).succeeds();
        let tame = "--max-iters 20 --learning-rate 1e-3 --grad-clip 1";
        place.run(&format!("train --resume --out-dir {directory} {tame}")).succeeds();
    }
}
