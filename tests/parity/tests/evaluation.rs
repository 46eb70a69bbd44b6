//! Texts in windows, and the endings of questions: the log-probabilities are those of
//! `transformers`, and the texts of questions are those of EleutherAI's harness.

mod common;

use std::path::Path;

use parity::{Golden, assert_close, golden_directory, type_name};
use serde_json::Value;
use stage01_bigram::Float;
use stage03_gpt::evaluate::evaluate;
use stage03_gpt::evaluate::hellaswag::{Lines, Texts};
use stage03_gpt::evaluate::multiple_choice::{Ending, Question};
use stage03_gpt::evaluate::scorer::Scorer;

const MODELS: [&str; 2] = ["gpt2_tiny", "llama_tiny"];

fn check_windows<T: Float>(name: &str, tolerance: f64) {
    let golden = Golden::open("evaluation.safetensors");
    let (mut gpt, params) = common::load(name);
    let params = common::convert::<T>(&params);
    let tokens = golden.tensor(&format!("{name}.input_ids")).tokens();
    // The longest context first, because it can only be shortened.
    for (context, strides) in [(12, &[12, 5, 1][..]), (5, &[5, 3, 1]), (1, &[1])] {
        gpt.shorten_context(context).unwrap();
        for stride in strides {
            let each = &golden.tensor(&format!("{name}.windows.{context}.{stride}")).values;
            assert_eq!(each.len(), tokens.len() - 1);
            let found = evaluate(&gpt, &params, &tokens, *stride).unwrap();
            let what = format!("{name}, {}, {context} by {stride}", type_name::<T>());
            assert_close(
                &what,
                &[found.per_token()],
                &[-each.iter().sum::<f64>() / 39.0],
                tolerance,
            );
            if *stride == context {
                // Each token, where windows are as they are read.
                let mut scorer = Scorer::new(&gpt, &params, context).unwrap();
                let windows = (0..39).step_by(context).flat_map(|start| {
                    let window = &tokens[start..(start + context + 1).min(40)];
                    scorer.log_probabilities(window, 1).unwrap()
                });
                assert_close(&what, &windows.collect::<Vec<f64>>(), each, tolerance);
            }
        }
    }
    golden.assert_all_used(&format!("{name}.windows."));
}

#[test]
fn windows() {
    for model in MODELS {
        check_windows::<f64>(model, 1e-9);
        check_windows::<f32>(model, 1e-5);
    }
}

#[test]
fn scores_of_endings() {
    let golden = Golden::open("evaluation.safetensors");
    for name in MODELS {
        let (gpt, params) = common::load(name);
        let params = common::convert::<f64>(&params);
        let tensor = |part: &str, i: usize| golden.tensor(&format!("{name}.{part}.{i}"));
        let ending = |i| Ending { tokens: tensor("ending", i).tokens(), characters: 1, bytes: 1 };
        let context = golden.tensor(&format!("{name}.context")).tokens();
        let question = Question { context, endings: (0..4).map(ending).collect(), label: 0 };
        let mut scorer = Scorer::new(&gpt, &params, 12).unwrap();
        let (scores, cut) = question.scores(&mut scorer, 12).unwrap();
        let expected: Vec<f64> = (0..4).map(|i| tensor("score", i).values[0]).collect();
        assert_close(name, &scores, &expected, 1e-9);
        assert_eq!(cut, 1);
    }
}

#[test]
fn texts_of_questions() {
    let expected = std::fs::read(golden_directory().join("questions_expected.json")).unwrap();
    let expected: Vec<Value> = serde_json::from_slice(&expected).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("questions.jsonl");
    let lines: Vec<_> = Lines::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(lines.len(), expected.len());
    for (line, expected) in lines.iter().zip(&expected) {
        let Texts { context, endings, label } = Texts::read(&line.bytes).unwrap();
        assert_eq!(context, expected["context"], "line {}", line.number);
        assert_eq!(Value::from(endings), expected["endings"], "line {}", line.number);
        assert_eq!(Value::from(label), expected["label"], "line {}", line.number);
    }
}
