//! The program as its users see it: every command on a small model, and resumed runs.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use common::{Finished, Place, TINY};
use serde_json::Value;

#[test]
fn a_run_leaves_a_model_its_metrics_log_and_its_curve() {
    let place = Place::new();
    let run = place.train("--out-dir model --max-iters 20 --eval-interval 7").succeeds();
    for word in ["What to expect", "(the bigram)", "The model is in model", "loss.svg"] {
        assert!(run.out.contains(word), "{word:?} in\n{}", run.out);
    }
    for file in ["config.json", "model.safetensors", "tokenizer.json", "trainer.safetensors"] {
        assert!(!place.read(&format!("model/{file}")).is_empty());
    }
    assert!(place.text("model/loss.svg").contains("</svg>"));

    let log = place.text("model/log.jsonl");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 21); // 20 steps, and the evaluation after the last
    for (iter, line) in lines.iter().enumerate() {
        assert_eq!(line["iter"], iter);
        assert!(line["elapsed_s"].is_f64());
        for key in ["train_loss", "lr", "grad_norm", "tokens_per_second"] {
            assert_eq!(line[key].is_f64(), iter < 20, "{key} of {line}");
        }
        let evaluated = iter % 7 == 0 || iter == 20;
        assert_eq!(line["val_loss"].is_f64(), evaluated, "{line}");
    }
    // All files have the same permissions.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |file| place.path(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode("model/model.safetensors"), mode("model/config.json"));
    }
}

#[test]
fn train_is_the_default_command() {
    let place = Place::new();
    place.run(&format!("--text text.txt {TINY} --max-iters 3 --out-dir plain")).succeeds();
    place.train("--max-iters 3 --out-dir named").succeeds();
    assert_eq!(place.read("plain/model.safetensors"), place.read("named/model.safetensors"));
}

#[test]
fn the_same_seed_trains_the_same_bytes() {
    let place = Place::new();
    for directory in ["a", "b"] {
        place.train(&format!("--max-iters 20 --dropout 0.1 --out-dir {directory}")).succeeds();
    }
    place.train("--max-iters 20 --dropout 0.1 --out-dir c --seed 2").succeeds();
    for file in ["model.safetensors", "trainer.safetensors"] {
        assert_eq!(place.read(&format!("a/{file}")), place.read(&format!("b/{file}")));
        assert_ne!(place.read(&format!("a/{file}")), place.read(&format!("c/{file}")));
    }
}

#[test]
fn a_model_generates_text() {
    let place = Place::with_model();
    let sample = |flags: &str| place.run(&format!("sample --model model {flags}")).succeeds().out;
    let text = sample("--prompt The --max-new-tokens 30 --seed 5");
    assert!(text.starts_with("The") && text.chars().count() == 3 + 30 + 1, "{text:?}");
    assert_eq!(text, sample("--prompt The --max-new-tokens 30 --seed 5"));
    assert_ne!(text, sample("--prompt The --max-new-tokens 30 --seed 6"));
    let greedy = "--prompt The --max-new-tokens 30 --temperature 0 --seed";
    assert_eq!(sample(&format!("{greedy} 5")), sample(&format!("{greedy} 6")));
    assert_eq!(sample("--prompt The --max-new-tokens 0"), "The\n");
    assert_eq!(sample("--num-samples 0"), "");
    let three = sample("--num-samples 3 --max-new-tokens 9");
    assert_eq!(three.matches("\n---\n").count(), 2, "{three}");
    // Longer than the context of 8 tokens, and every way of sampling.
    let long = "--prompt Thequickfoxseeslazydogs --context-shift 1 --top-k 3 --top-p 0.9";
    assert!(sample(long).starts_with("Thequickfoxseeslazydogs"));
}

#[test]
fn a_model_is_evaluated() {
    let place = Place::with_model();
    let eval = |flags: &str| place.run(&format!("eval --model model {flags}")).succeeds().out;
    let table = eval("--text text.txt");
    for name in ["nats per token", "bits per byte", "perplexity", "tokens per second"] {
        assert_eq!(table.matches(name).count(), 1, "{table}");
    }
    let json: Value = serde_json::from_str(&eval("--text text.txt --json --stride 3")).unwrap();
    let number = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("{key} in {json}"));
    let bytes = place.read("text.txt").len() as f64;
    assert_eq!(
        [number("stride"), number("tokens"), number("bytes")],
        [3.0, bytes - 1.0, bytes - 1.0]
    );
    assert!((number("perplexity") - number("nats_per_token").exp()).abs() < 1e-9);
    // In a text of ASCII characters a token is a byte.
    let bits = number("nats_per_token") / 2f64.ln();
    assert!((number("bits_per_byte") - bits).abs() < 1e-9);

    eval("--text text.txt text.txt --threads 1 --logits scores.safetensors");
    let scores = place.read("scores.safetensors");
    let file = safetensors::SafeTensors::deserialize(&scores).unwrap();
    let config: Value = serde_json::from_str(&place.text("model/config.json")).unwrap();
    let vocab_size = config["vocab_size"].as_u64().unwrap() as usize;
    assert_eq!(file.tensor("input_ids").unwrap().shape(), [1, 8]);
    assert_eq!(file.tensor("logits").unwrap().shape(), [8, vocab_size]);
}

#[test]
fn a_model_answers_line_by_line() {
    let place = Place::with_model();
    let mut child = place
        .command("chat --model model --max-new-tokens 10")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("The fox\n§\nThe dog\n\nmore\n".as_bytes()).unwrap();
    let chat = Finished::new("chat", child.wait_with_output().unwrap());
    assert_eq!(chat.code, Some(0));
    // Two answers; the remark on the character that it does not know stands beside them. Then the
    // empty line.
    assert_eq!(chat.out.lines().count(), 2, "{}", chat.out);
    assert!(
        chat.err.starts_with("(the character '§'") && chat.err.ends_with(")\n"),
        "{}",
        chat.err
    );
    assert!(chat.err.lines().all(|line| line.chars().count() <= 60), "{}", chat.err);
}

#[test]
fn a_machine_is_measured() {
    let place = Place::new();
    let flags = "--n-layer 1 --n-embd 16 --batch-size 2 --block-size 8 --threads 1";
    let bench = place.run(&format!("bench --seconds 0.01 {flags}")).succeeds();
    for name in ["a training step", "tokens per second", "utilisation", "layer norm", "optimiser"] {
        assert!(bench.out.contains(name), "{}", bench.out);
    }
    let bench = place.run(&format!("bench --generation --seconds 0.01 {flags}")).succeeds();
    for name in ["GB/s, the machine alone", "a prompt of 4", "writing"] {
        assert!(bench.out.contains(name), "{}", bench.out);
    }

    let bench = place.run(&format!("bench --json --dtype bfloat16 --seconds 0.01 {flags}"));
    let found: serde_json::Value = serde_json::from_str(&bench.succeeds().out).unwrap();
    let number = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert_eq!((number("n_params"), number("tokens_per_step")), (36_016.0, 16.0));
    let parts = found["parts"].as_object().unwrap().values().filter_map(|ms| ms.as_f64());
    assert!(parts.sum::<f64>() > 0.0 && number("ms_per_step") > 0.0, "{found}");
    let utilisation = number("gflops") / number("machine_gflops");
    assert!((utilisation - number("utilisation")).abs() < 1e-9, "{found}");
    place
        .run(&format!("bench --generation {flags} --block-size 1"))
        .refuses(&["--block-size", "at least 2"]);
}

#[test]
fn help_fits_on_its_page_and_explains_itself() {
    let place = Place::new();
    for (command, word) in [
        ("", "King James"),
        ("train", "Ctrl-C"),
        ("sample", "one token after another"),
        ("eval", "bits per byte"),
        ("chat", "does not answer questions"),
        ("bench", "matrix products"),
    ] {
        let help = place.run(&format!("{command} --help")).succeeds();
        let words: Vec<&str> = help.out.split_whitespace().collect();
        assert!(words.join(" ").contains(word), "{command}: {}", help.out);
        place.run(&format!("{command} -h")).succeeds();
    }
}

/// A run of `last` steps in one go, and one that is stopped after `first` and resumed.
fn goes_on_as_if_never_stopped(flags: &str, first: usize, last: usize) {
    let place = Place::new();
    // The learning rate schedule must be that of the whole run.
    let flags = format!("{flags} --warmup-iters 10 --lr-decay-iters {last}");
    place.train(&format!("{flags} --max-iters {last} --out-dir whole")).succeeds();
    place.train(&format!("{flags} --max-iters {first} --out-dir parts")).succeeds();
    assert_ne!(place.read("whole/model.safetensors"), place.read("parts/model.safetensors"));
    place.run(&format!("train --resume --max-iters {last} --out-dir parts")).succeeds();
    for file in ["model.safetensors", "trainer.safetensors"] {
        let (whole, parts) = (format!("whole/{file}"), format!("parts/{file}"));
        assert!(place.read(&whole) == place.read(&parts), "{flags}: {file} differs");
    }
    // The metrics log continues, too: every step once.
    let log = place.text("parts/log.jsonl");
    let iter = |line: &str| serde_json::from_str::<Value>(line).unwrap()["iter"].as_u64().unwrap();
    assert_eq!(log.lines().map(iter).collect::<Vec<_>>(), (0..=last as u64).collect::<Vec<_>>());
}

#[test]
fn fifty_and_fifty_steps_equal_a_hundred() {
    goes_on_as_if_never_stopped("", 50, 100);
}

#[test]
fn a_resumed_run_with_dropout_and_accumulation_is_the_same() {
    let flags = "--dropout 0.2 --gradient-accumulation-steps 2 --bias --threads 3 --batch-size 5";
    goes_on_as_if_never_stopped(flags, 23, 60);
}

#[test]
fn a_text_that_has_moved_is_still_the_text() {
    let place = Place::new();
    place.train("--max-iters 3 --out-dir model").succeeds();
    std::fs::rename(place.path("text.txt"), place.path("moved.txt")).unwrap();
    place.run("train --resume --max-iters 5 --out-dir model").refuses(&["text.txt"]);
    place.run("train --resume --max-iters 5 --out-dir model --text moved.txt").succeeds();
    place.run("train --resume --max-iters 6 --out-dir model").succeeds();
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let place = Place::new();
    let flags = format!(
        "train --text text.txt {TINY} --dropout 0.2 --eval-interval 50 --lr-decay-iters 1000"
    );
    // Far more steps than it will take.
    let mut child = place
        .command(&format!("{flags} --max-iters 10000000 --out-dir stopped"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.trim_start().starts_with("50 ") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    let (_, message) = rest.split_once("Stopped after step ").expect("a last word");
    assert!(message.contains("\n  cargo run -p stage03_gpt -- train --resume --out-dir stopped\n"));
    let steps: usize = message.split_once(' ').unwrap().0.replace(',', "").parse().unwrap();

    let last = steps + 20;
    place.run(&format!("train --resume --out-dir stopped --max-iters {last}")).succeeds();
    place.run(&format!("{flags} --max-iters {last} --out-dir whole")).succeeds();
    for file in ["model.safetensors", "trainer.safetensors"] {
        let same = place.read(&format!("whole/{file}")) == place.read(&format!("stopped/{file}"));
        assert!(same, "{file} differs");
    }
}

#[test]
fn a_reader_may_stop_before_the_end() {
    let place = Place::with_model();
    // The reader of the output closes it after the first line.
    let run = |command: &str| {
        let mut child =
            place.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        Finished::new(command, child.wait_with_output().unwrap())
    };
    for command in [
        // The first two would write for days.
        "sample --model model --max-new-tokens 1000000000",
        "sample --model model --num-samples 1000000000",
        "eval --model model --text text.txt",
        "--help",
    ] {
        let finished = run(command);
        assert_eq!(finished.code, Some(0), "{command}: {}", finished.err);
        assert!(!finished.err.contains("panicked"), "{command}: {}", finished.err);
    }
    let command = format!(
        "train --text text.txt {TINY} --max-iters 10000000 --eval-interval 20 --out-dir piped"
    );
    let finished = run(&command);
    assert_eq!((finished.code, finished.err.as_str()), (Some(0), ""));
    // The training until then is saved.
    let state = stage03_gpt::files::resume::State::load(&place.path("piped")).unwrap();
    place.run(&format!("train --resume --out-dir piped --max-iters {}", state.iter + 1)).succeeds();
}

#[test]
fn odd_lengths_of_runs() {
    let place = Place::new();
    place.train("--out-dir none --max-iters 0").succeeds();
    place.run("sample --model none --max-new-tokens 5").succeeds();
    place.run("train --resume --out-dir none --max-iters 2").succeeds();
    // A run that has finished.
    let over = place.run("train --resume --out-dir none --max-iters 1").succeeds();
    let words = over.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the run has taken 2 steps, and 1 are asked for"), "{words}");
    assert!(!words.contains("Resuming"), "{words}");
    place.train("--out-dir rare --max-iters 2 --eval-interval 100 --warmup-iters 0").succeeds();
    place.train("--out-dir threads --max-iters 2 --batch-size 1 --threads 9").succeeds();
    place.train("--out-dir one --max-iters 2 --block-size 1").succeeds();
    place.train("--out-dir warm --max-iters 2 --warmup-iters 18446744073709551615").succeeds();
    place.write("line.txt", "abcdefgh".repeat(50)); // without a line break
    place.run(&format!("--text line.txt {TINY} --max-iters 2 --out-dir line")).succeeds();
    place.run("sample --model line --prompt abc --max-new-tokens 40").succeeds();
    // The last tenth has characters that the first nine do not.
    place.write("two.txt", format!("{}{}", "ab\n".repeat(300), "yz\n".repeat(30)));
    for tokenizer in ["char", "bpe:260"] {
        let flags = TINY.replace("char", tokenizer);
        place
            .run(&format!("--text two.txt {flags} --max-iters 2 --out-dir {tokenizer}"))
            .succeeds();
    }
}

/// The server is heavy to compile, so it is left out unless it is asked for; the command says how.
#[cfg(not(feature = "serve"))]
#[test]
fn the_server_names_its_feature() {
    let place = Place::new();
    assert!(place.run("--help").succeeds().out.contains("serve"));
    place.run("serve --model model").refuses(&["--features serve"]);
}
