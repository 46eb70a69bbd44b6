//! `finetune`, run as a user runs it: on a small model, and on files that cannot be used.

#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::put;
use stage02_attention::params::Params;
use stage03_gpt::files::hugging_face::read_config;
use stage03_gpt::model::Model;

/// A command in a directory.
fn program(at: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stage04_training"));
    command.args(words.split_whitespace()).current_dir(at);
    command
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// It must succeed; returns what it printed.
fn good(at: &Path, words: &str) -> String {
    let output = program(at, words).output().unwrap();
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{words}\n{out}\n{err}");
    out + &err
}

/// It must fail with an error of one line.
fn bad(at: &Path, words: &str) -> String {
    let output = program(at, words).output().unwrap();
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{words}\n{out}\n{err}");
    let error = err.lines().last().unwrap_or_default().to_string();
    assert!(error.starts_with("error: ") && !err.contains("panicked"), "{words}\n{err}");
    error
}

/// Conversations about numbers.
fn conversations(numbers: std::ops::Range<u32>) -> String {
    let line = |n: u32| {
        let (question, answer) = (format!("What comes after {n}?"), format!("It is {}.", n + 1));
        let messages = serde_json::json!([
            { "role": "user", "content": question },
            { "role": "assistant", "content": answer },
        ]);
        format!("{}\n", serde_json::json!({ "messages": messages }))
    };
    numbers.map(line).collect()
}

const TRAIN: &str = "train --tokenizer bpe:300 --n-layer 2 --n-head 2 --n-embd 32 --block-size 64 \
                     --max-iters 40 --learning-rate 1e-2 --warmup-iters 2 --eval-iters 1 --batch-size 4 --text text.txt --threads 1";

/// A directory with a small model that knows an end-of-text token, and conversations.
fn world() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    put(
        at,
        "text.txt",
        "What comes after 7? It is 8. User: Assistant: 0123456789<|endoftext|>".repeat(200),
    );
    put(at, "mine.jsonl", conversations(0..40));
    good(at, &format!("{TRAIN} --out-dir base"));
    directory
}

const TUNE: &str = "finetune --init-from base --text mine.jsonl --batch-size 2 --block-size 64 \
                    --threads 1 --learning-rate 1e-2";

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_refused_or_kept() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let name = OsStr::from_bytes(b"caf\xe9");
    let directory = world();
    for flag in ["--text", "--val-text", "--old-text", "--init-from"] {
        let words = if flag == "--init-from" { "finetune" } else { TUNE };
        let output = program(directory.path(), words).arg(flag).arg(name).output().unwrap();
        let (_, err) = texts(&output);
        assert!(err.starts_with(&format!("error: {flag} ")) && err.contains("not UTF-8"), "{err}");
    }
    // Where it writes may have any name.
    let output =
        program(directory.path(), TUNE).args(["--epochs", "0.1", "--out-dir"]).arg(name).output();
    let (_, err) = texts(&output.unwrap());
    assert_eq!(err, "");
    assert!(directory.path().join(name).join("adapter_model.safetensors").is_file());
}

#[test]
fn a_few_lines_of_ones_own_make_enough_steps_and_the_best_weights_are_named() {
    let directory = world();
    let at = directory.path();
    put(at, "mine.jsonl", conversations(0..20));
    put(at, "other.jsonl", conversations(0..20).replace("It is", "Nobody knows").replace('1', "x"));
    let words = "finetune --init-from base --text mine.jsonl --val-text other.jsonl --threads 1 \
                 --learning-rate 3e-2 --epochs 6";
    let said = good(at, words);
    assert!(said.contains("steps of 64 tokens"), "one row in a step: {said}");
    // What is held out is contradicted by what is learned.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("The loss on held-out examples was lowest"), "{said}");
    assert!(said.contains("Those weights are in out/finetuned/best"), "{said}");
    assert!(at.join("out/finetuned/best/adapter_model.safetensors").is_file());
    // It goes on with the same batches.
    good(at, "finetune --resume --epochs 7");
}

/// The base may stand in the directory of the run, or move later: the adapters name where it is.
#[test]
fn adapters_name_their_base_wherever_it_goes() {
    let directory = world();
    let at = directory.path();
    let opens = |model: &str| Model::load(&at.join(model)).unwrap();
    let tune = |base: &str, more: &str| {
        format!("{} {more}", TUNE.replace("--init-from base", &format!("--init-from {base}")))
    };
    good(at, &format!("{TRAIN} --out-dir inside"));
    // Its own directory is moved aside.
    let said = good(at, &tune("inside", "--epochs 0.2 --out-dir inside"));
    assert!(said.contains("inside.1"), "{said}");
    opens("inside");
    good(at, "finetune --resume --out-dir inside --epochs 0.4");
    opens("inside");
    // The base is moved by the user, and the description is lost.
    good(at, &tune("base", "--epochs 0.2 --out-dir tuned"));
    fs::rename(at.join("base"), at.join("elsewhere")).unwrap();
    fs::remove_file(at.join("tuned/tokenizer.json")).unwrap();
    good(at, "finetune --resume --out-dir tuned --init-from elsewhere --epochs 0.4");
    opens("tuned");
    opens("tuned/best");
    // Adapters do not stand on adapters.
    let error = bad(at, &tune("tuned", "--out-dir again"));
    assert!(error.contains("merge --model tuned --out-dir MERGED"), "{error}");
}

#[test]
fn a_run_is_resumed_from_another_directory_and_by_its_own_command() {
    let directory = world();
    let at = directory.path();
    good(at, &format!("{TUNE} --epochs 0.2 --out-dir tuned"));
    let other = put(at, "other/file", "").parent().unwrap().to_path_buf();
    good(&other, "finetune --resume --out-dir ../tuned --epochs 0.4");
    assert!(bad(at, "train --resume --out-dir tuned").contains("finetune --resume"));
    let said = good(at, "finetune --resume --out-dir tuned");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("give a larger --epochs"), "{said}");
}

#[test]
fn a_diverged_run_says_what_a_new_one_needs() {
    let directory = world();
    let error = bad(directory.path(), &TUNE.replace("1e-2", "1e30"));
    assert!(error.contains("start a new run with a smaller --learning-rate"), "{error}");
    let error = bad(directory.path(), &format!("{TUNE} --lora-alpha 1e10"));
    assert!(error.contains("--lora-alpha") && error.contains("at most 1000000"), "{error}");
}

#[test]
fn a_step_is_not_longer_than_the_run() {
    let directory = world();
    let words = format!("{TUNE} --epochs 1 --gradient-accumulation-steps");
    let error = bad(directory.path(), &format!("{words} 60000"));
    assert!(error.contains("all epochs have 9 micro-batches"), "{error}");
    let error = bad(directory.path(), &format!("{words} 9999999999999"));
    assert!(error.contains("at most 65536 micro-batches"), "{error}");
    good(directory.path(), &format!("{words} 2"));
}

#[test]
fn a_model_learns_to_answer_and_its_own_weights_stay() {
    let directory = world();
    let at = directory.path();
    let before = content_of_files(&at.join("base"));
    let said = good(at, &format!("{TUNE} --epochs 4 --out-dir tuned"));
    let loss = said.lines().find(|line| line.starts_with("held out")).expect(&said);
    let losses: Vec<f64> = loss.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(losses[1] < 0.7 * losses[0], "{said}");
    assert!(said.contains("answers of 1 to 3 sentences"), "{said}");
    assert!(said.contains("What comes after"), "{said}");

    let after = content_of_files(&at.join("base"));
    assert!(before["model.safetensors"] == after["model.safetensors"]);
    let files = content_of_files(&at.join("tuned"));
    assert!(
        files.contains_key("adapter_model.safetensors") && !files.contains_key("model.safetensors")
    );
    assert!(files["log.jsonl"].iter().filter(|&&byte| byte == b'\n').count() > 10);

    // The directory of the adapters is a model, and chat finds the template that it learned.
    let (base, tuned) =
        (Model::load(&at.join("base")).unwrap(), Model::load(&at.join("tuned")).unwrap());
    assert_ne!(base.params().values, tuned.params().values);
    assert!(tuned.text_settings.chat_template.is_some_and(|t| t.contains("Assistant:")));
    assert!(Model::load(&at.join("tuned/best")).is_ok());
    good(at, "sample --model tuned --max-new-tokens 5");
}

#[test]
fn all_weights_are_trained_with_full_and_the_context_stays() {
    let directory = world();
    let at = directory.path();
    good(at, &format!("{TUNE} --epochs 1 --out-dir tuned --full --block-size 48"));
    let (base, tuned) =
        (Model::load(&at.join("base")).unwrap(), Model::load(&at.join("tuned")).unwrap());
    let changed = |a: &Params<f32>, b: &Params<f32>| {
        a.values.iter().zip(&b.values).filter(|(a, b)| a != b).count()
    };
    assert!(changed(base.params(), tuned.params()) > base.params().values.len() / 2);
    assert_eq!(read_config(&at.join("tuned")).unwrap().block_size, 64);
    // Again, from what was tuned; the old one moves aside.
    let said = good(at, &format!("{TUNE} --init-from tuned --epochs 0.2 --out-dir tuned"));
    assert!(said.contains("tuned.1"), "{said}");
}

/// The tokenizer of one long text has no token that ends it.
#[test]
fn a_model_without_an_end_of_text_gets_one() {
    let directory = world();
    let at = directory.path();
    put(at, "whole.txt", "What comes after 7? It is 8. User: Assistant: 0123456789 ".repeat(200));
    good(at, &format!("{} --out-dir endless", TRAIN.replace("text.txt", "whole.txt")));
    let said = good(at, &format!("{TUNE} --init-from endless --full --epochs 1 --out-dir tuned"));
    assert!(said.contains("note: the model had no token that ends a text"), "{said}");
    let vocab_size = read_config(&at.join("endless")).unwrap().vocab_size;
    let tuned = Model::load(&at.join("tuned")).unwrap();
    assert_eq!(
        (tuned.gpt.config().vocab_size, &tuned.special.eos[..]),
        (vocab_size + 1, &[vocab_size as u32][..])
    );
    good(at, "finetune --resume --out-dir tuned --epochs 1.5");
}

#[test]
fn replay_and_old_text_show_what_is_forgotten() {
    let directory = world();
    let at = directory.path();
    let said = good(at, &format!("{TUNE} --epochs 1 --out-dir a --old-text text.txt --replay 0.3"));
    assert!(said.contains("replayed") && said.contains("old text, perplexity"), "{said}");
}

/// Killed at any instant, and resumed: the files of a run that was never stopped.
#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    for full in ["", "--full"] {
        let directory = world();
        let at = directory.path();
        let flags = format!("{TUNE} {full} --epochs 3 --eval-interval 2 --lora-dropout 0.1");
        let flags = if full.is_empty() { flags } else { flags.replace("--lora-dropout 0.1", "") };
        good(at, &format!("{flags} --out-dir whole"));
        let (mut kills, mut command) = (0, format!("{flags} --out-dir killed"));
        loop {
            let mut child =
                program(at, &command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(60 + 37 * (kills % 5)));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{}", bad(at, &command));
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            if at.join("killed/trainer.safetensors").exists() {
                command = "finetune --resume --out-dir killed".into();
            }
            if kills > 20 {
                good(at, &command);
                break;
            }
        }
        let (whole, killed) =
            (content_of_files(&at.join("whole")), content_of_files(&at.join("killed")));
        for name in whole.keys().filter(|name| name.contains("safetensors")) {
            if name == "trainer.safetensors" {
                continue; // it names its directory
            }
            assert!(whole[name] == killed[name], "{name} after {kills} kills {full}");
        }
    }
}

/// The files of a directory, without directories.
fn content_of_files(directory: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

#[test]
fn what_cannot_be_used_is_refused_with_its_line() {
    let directory = world();
    let at = directory.path();
    let refused = |lines: &str| {
        put(at, "bad.jsonl", lines);
        bad(at, "finetune --init-from base --text bad.jsonl --out-dir tuned --block-size 64")
    };
    let good_line = conversations(1..2);
    assert!(refused(&format!("{good_line}no JSON\n")).contains("bad.jsonl:2"));
    let unanswered = r#"{"messages": [{"role": "user", "content": "Why?"}]}"#;
    assert!(refused(&format!("{good_line}{good_line}{unanswered}\n")).contains("bad.jsonl:3"));
    let long = format!(r#"{{"prompt": "Why?", "completion": "{}"}}"#, "because ".repeat(80));
    assert!(refused(&long).contains("bad.jsonl:1") && refused(&long).contains("64"));
    assert!(refused("").contains("empty"));
    assert!(!at.join("tuned").exists());

    assert!(bad(at, "finetune --text mine.jsonl").contains("--init-from"));
    assert!(bad(at, &format!("{TUNE} --full --lora-rank 4")).contains("--full"));
    assert!(bad(at, &format!("{TUNE} --lora-targets q_proj")).contains("c_attn"));
    assert!(bad(at, &format!("{TUNE} --epochs 0")).contains("--epochs"));
    assert!(bad(at, &format!("{TUNE} --replay 1")).contains("--replay"));
    // A vocabulary of characters has no token that ends an answer.
    good(at, &format!("{TRAIN} --tokenizer char --out-dir characters"));
    assert!(bad(at, &format!("{TUNE} --init-from characters")).contains("--tokenizer bpe"));
    let said = bad(at, &format!("{TUNE} --init-from characters --full"));
    assert!(said.contains("--tokenizer bpe"), "{said}");
}

#[test]
fn a_run_is_resumed_on_what_it_was_started_with() {
    let directory = world();
    let at = directory.path();
    good(at, &format!("{TUNE} --epochs 1 --out-dir tuned"));
    let resume = "finetune --resume --out-dir tuned";
    assert!(bad(at, &format!("{resume} --lora-rank 4")).contains("keeps its settings"));
    good(at, &format!("{resume} --epochs 1.5"));
    put(at, "mine.jsonl", conversations(5..45));
    assert!(bad(at, resume).contains("the data: it is not what the run was started with"));
    put(at, "mine.jsonl", conversations(0..40));
    good(at, &format!("{TRAIN} --seed 2 --out-dir other"));
    assert!(bad(at, &format!("{resume} --init-from other")).contains("weights are not those"));
    assert!(bad(at, "train --resume --out-dir tuned").starts_with("error: "));
    assert!(bad(at, "finetune --resume --out-dir base").contains("no fine-tuning"));
}

/// A file cannot write escape sequences to the terminal.
#[test]
fn control_characters_of_questions_are_escaped() {
    let directory = world();
    let at = directory.path();
    let hostile = conversations(0..40).replace("What comes", "\\u001b[2JWhat comes");
    put(at, "mine.jsonl", hostile);
    let said = good(at, &format!("{TUNE} --epochs 0.2 --out-dir tuned"));
    assert!(said.contains("\\u{1b}[2JWhat comes") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn examples_are_shown_and_nothing_is_written() {
    let directory = world();
    let at = directory.path();
    let said = good(at, &format!("{TUNE} --show 2 --out-dir tuned"));
    assert!(said.contains("What comes after 0?") && said.contains("It is 1."), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 60), "{said}");
    assert!(!at.join("tuned").exists());
}

/// Pairs: the right number, and a wrong one.
fn pairs(numbers: std::ops::Range<u32>) -> String {
    let line = |n: u32| {
        let (prompt, chosen) = (format!("What comes after {n}?"), format!("It is {}.", n + 1));
        let pair =
            serde_json::json!({ "prompt": prompt, "chosen": chosen, "rejected": "Who knows?" });
        format!("{pair}\n")
    };
    numbers.map(line).collect()
}

#[test]
fn preferences_are_learned_and_a_stopped_run_resumes_to_the_same_bytes() {
    let directory = world();
    let at = directory.path();
    put(at, "pairs.jsonl", pairs(0..30));
    let flags = "finetune --preferences --init-from base --text pairs.jsonl --batch-size 2 \
                 --block-size 64 --threads 1 --learning-rate 3e-3 --beta 0.5 --eval-interval 4";
    let said = good(at, &format!("{flags} --epochs 3 --out-dir whole --old-text text.txt"));
    let line = |name: &str| -> Vec<f64> {
        let line = said.lines().find(|line| line.starts_with(name)).expect(&said);
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let (loss, margin) = (line("held out, loss of a pair"), line("held out, margin"));
    assert!((loss[0] - 0.693).abs() < 1e-9 && loss[1] < 0.5, "{said}");
    assert!(margin[0] == 0.0 && margin[1] > 0.5, "{said}");
    assert!(
        said.contains("held out, margins above 0") && said.contains("old text, perplexity"),
        "{said}"
    );

    // Half of it, and then the whole: the learning rate knows how long a run is to be, so the first
    // half is killed.
    let mut child = program(at, &format!("{flags} --epochs 3 --out-dir cut --old-text text.txt"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !at.join("cut/trainer.safetensors").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    good(at, "finetune --resume --out-dir cut");
    let (whole, cut) = (content_of_files(&at.join("whole")), content_of_files(&at.join("cut")));
    assert!(whole["adapter_model.safetensors"] == cut["adapter_model.safetensors"]);

    put(at, "bad.jsonl", format!("{}{{\"prompt\": \"Why?\", \"chosen\": \"So.\"}}\n", pairs(0..3)));
    let said = bad(
        at,
        &format!("{flags} --text bad.jsonl --out-dir bad").replace("--text pairs.jsonl", ""),
    );
    assert!(said.contains("bad.jsonl:4: it has no rejected"), "{said}");
    assert!(bad(at, &format!("{flags} --beta 0 --out-dir bad")).contains("--beta"));
    assert!(bad(at, &format!("{flags} --replay 0.1 --out-dir bad")).contains("--replay"));
}
