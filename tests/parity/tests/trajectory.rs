//! Ten training steps of a small model on a text: the losses are those of PyTorch.
//!
//! Weights, windows and settings (nanoGPT's) are the same in both. The full size takes minutes and
//! large files; `examples/compare_with_pytorch.rs` runs it on demand.

use parity::{Golden, assert_each_close, assert_same_steps, settings, type_name};
use stage01_bigram::Float;
use stage01_bigram::tokenizer::TokenizerKind;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::{Step, Trainer};

/// Shakespeare, 1609.
const TEXT: &str = include_str!("../sonnet_18.txt");

fn train<T: Float>(golden: &Golden, threads: usize) -> Vec<Step> {
    let starts = golden.tensor("starts");
    let batch_size = starts.shape[1];
    let positions = golden.tensor("start.wpe.weight").shape[0];
    let tokenizer = TokenizerKind::Char.train(TEXT).unwrap();
    let gpt = Gpt::new(GptConfig {
        vocab_size: tokenizer.vocab_size(),
        block_size: positions,
        n_layer: 2,
        n_head: 4,
        n_embd: 32,
        dropout: 0.0,
        bias: false,
        ..GptConfig::default()
    })
    .unwrap();
    let weights = golden.params(gpt.layout(), |name| format!("start.{name}"));
    golden.assert_all_used("start.");
    let mut trainer: Trainer<T> =
        Trainer::new(gpt, weights, settings(golden, batch_size, threads)).unwrap();

    let text = tokenizer.encode(TEXT).unwrap();
    let windows = |starts: &[u32], later: usize| -> Vec<u32> {
        let starts = starts.iter().map(|&start| start as usize + later);
        starts.flat_map(|start| &text[start..start + positions]).copied().collect()
    };
    let starts = starts.tokens();
    let step = |starts: &[u32]| {
        trainer.accumulate(&windows(starts, 0), &windows(starts, 1));
        trainer.step().unwrap()
    };
    starts.chunks(batch_size).map(step).collect()
}

fn check<T: Float>(tolerance: f64) {
    let golden = Golden::open("trajectory.safetensors");
    for threads in [1, 2] {
        let steps = train::<T>(&golden, threads);
        assert_eq!(steps.len(), 10);
        assert_same_steps(type_name::<T>(), &steps, &golden, tolerance);
    }
}

#[test]
fn ten_steps_on_a_poem_in_f64() {
    check::<f64>(1e-9);
}

#[test]
fn ten_steps_on_a_poem_in_f32() {
    check::<f32>(1e-4);
}

#[test]
fn the_losses_of_pytorch_in_f32_are_the_same() {
    let golden = Golden::open("trajectory.safetensors");
    let steps = train::<f32>(&golden, 1);
    let losses: Vec<f64> = steps.iter().map(|step| step.loss).collect();
    let norms: Vec<f64> = steps.iter().map(|step| step.grad_norm).collect();
    for (name, ours) in [("float32.loss", losses), ("float32.grad_norm", norms)] {
        assert_each_close(name, &ours, &golden.tensor(name).values, 1e-4);
    }
}
