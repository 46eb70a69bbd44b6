//! The program on a model that others have trained, where it is at hand: SmolLM2-135M-Instruct.
//! `stage03_gpt/fetch-smollm2.sh` fetches it.
//!
//! That all its numbers are read right is tested beside the reader, in `files/gguf/tests/smollm2.rs`.

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};

use common::{Finished, Place};
use stage03_gpt::model::{GenerateSettings, Model};

/// The file that the environment variable `SMOLLM2_GGUF` names, or the one in `models` at the root
/// of the repository.
fn model() -> Option<PathBuf> {
    let models =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/SmolLM2-135M-Instruct.Q4_1.gguf");
    let path = std::env::var_os("SMOLLM2_GGUF").map_or(models, PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    // Not with `eprintln!`, whose output the test harness keeps to itself.
    let remedy = "stage03_gpt/fetch-smollm2.sh fetches it";
    let skipped = format!("skipped: {} is missing; {remedy}\n", path.display());
    std::io::stderr().write_all(skipped.as_bytes()).unwrap();
    None
}

/// The likeliest continuation of a prompt, as the program prints both.
fn greedy(place: &Place, model: &Path, prompt: &str, tokens: usize) -> Finished {
    let mut command = place.command("sample --temperature 0 --max-new-tokens");
    command.arg(tokens.to_string()).arg("--model").arg(model).args(["--prompt", prompt]);
    Finished::new("sample", command.output().unwrap()).succeeds()
}

/// What llama.cpp writes with the same weights in f32.
const GRAVITY: &str = "Gravity is a fundamental concept in physics that describes the curvature of \
                       spacetime";

#[test]
fn a_text_is_continued() {
    let Some(model) = model() else { return };
    let full = Model::load(&model).unwrap();
    let settings =
        GenerateSettings { temperature: 0.0, max_new_tokens: 20, ..GenerateSettings::default() };
    let text = full.generate("Gravity is", &settings).unwrap();
    assert!(format!("Gravity is{text}").starts_with(GRAVITY), "{text}");
    // With its quantised weights as they are, it takes another word sooner or later.
    let run = greedy(&Place::new(), &model, "Gravity is", 20);
    assert!(run.out.starts_with("Gravity is a fundamental concept in physics"), "{}", run.out);
    assert!(run.err.contains("(20 tokens, "), "{}", run.err);
}

#[test]
fn a_question_in_chatml_is_answered_and_the_answer_ends() {
    let Some(model) = model() else { return };
    let question = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n\
                    <|im_start|>assistant\n";
    let run = greedy(&Place::new(), &model, question, 60);
    let answer = run.out.strip_prefix(question).unwrap_or_else(|| panic!("{}", run.out));
    assert!(answer.contains("Paris"), "{answer}");
    assert!(!answer.contains("<|im_"), "{answer}");
    assert!(run.err.contains("and the end of the text, "), "{}", run.err);
}

#[test]
fn it_is_exported_and_opened_again() {
    let Some(model) = model() else { return };
    let place = Place::new();
    let mut export = place.command("export --gguf half.gguf --type f16 --model");
    Finished::new("export", export.arg(&model).output().unwrap()).succeeds();
    let half = place.path("half.gguf");
    let length = half.metadata().unwrap().len();
    // 134,515,008 weights of two bytes, and a head with the tokenizer.
    assert!((269_000_000..272_000_000).contains(&length), "{length}");

    let run = greedy(&place, &half, "Gravity is", 20);
    assert!(run.out.starts_with(GRAVITY), "{}", run.out);
    let [before, after] = [&model, &half].map(|path| Model::load(path).unwrap());
    assert_eq!(after.gpt.config(), before.gpt.config());
    assert_eq!(after.special, before.special);
    assert_eq!(after.text_settings.chat_template, before.text_settings.chat_template);
    let tokens = |model: &Model| model.tokenizer.encode_with_special("<|im_start|>user\nIt's 42!");
    assert_eq!(tokens(&after).unwrap(), tokens(&before).unwrap());
    for (a, b) in after.params().values.iter().zip(&before.params().values) {
        assert!((a - b).abs() <= 1e-3 * b.abs() + 1e-7, "{a} was {b}");
    }
}
