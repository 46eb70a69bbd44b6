//! Compares the losses with those of a PyTorch run on the same weights and batches.
//!
//! ```text
//! cargo run -p parity --example compare_with_pytorch -- WEIGHTS BATCHES LOG [THREADS]
//! ```
//!
//! `train_like_nanogpt.py` writes the three files with `--save-weights`, `--save-batches` and
//! `--log` and its other settings at their defaults; the learning rates are compared, too, so other
//! settings are detected. Prints the losses of both, their differences, and the largest difference
//! so far.

use std::path::Path;

use parity::Golden;
use stage03_gpt::adamw::AdamW;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Trainer};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, batches, log, threads @ ..] = &arguments[..] else {
        eprintln!("give three files: WEIGHTS BATCHES LOG, as train_like_nanogpt.py writes them");
        std::process::exit(2);
    };
    let threads = threads.first().map_or(1, |threads| threads.parse().expect("a number"));
    let (weights, batches) = (Golden::read(Path::new(weights)), Golden::read(Path::new(batches)));
    let log = std::fs::read_to_string(log).expect("the log is a text");

    let (inputs, targets) = (batches.tensor("inputs"), batches.tensor("targets"));
    let [n_steps, batch_size, block_size] = inputs.shape[..] else {
        panic!("(steps, batch, block)")
    };
    let [vocab_size, n_embd] = weights.tensor("wte.weight").shape[..] else { panic!("a matrix") };
    let n_layer = weights.names("h.").filter(|name| name.ends_with("ln_1.weight")).count();
    let gpt = Gpt::new(GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head: 4,
        n_embd,
        dropout: 0.0,
        bias: false,
        ..GptConfig::default()
    })
    .expect("sizes that fit together");
    let start = weights.params::<f32>(gpt.layout(), str::to_string);
    for name in weights.names("").filter(|name| !weights.was_used(name)).collect::<Vec<_>>() {
        assert!(weights.tensor(name).values.iter().all(|&bias| bias == 0.0), "{name} is not used");
    }

    // The defaults of train_like_nanogpt.py.
    let settings = Settings {
        batch_size,
        gradient_accumulation_steps: 1,
        schedule: Schedule {
            learning_rate: 1e-3,
            min_lr: 1e-4,
            warmup_iters: 100,
            lr_decay_iters: 2000,
        },
        adamw: AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 },
        seed: 0,
        threads,
    };
    let mut trainer = Trainer::new(gpt, start, settings).expect("settings that can be used");

    let (inputs, targets) = (inputs.tokens(), targets.tokens());
    let batch = batch_size * block_size;
    let (mut largest, mut largest_norm) = (0.0f64, 0.0f64);
    println!(
        "{:>5} {:>11} {:>11} {:>10} {:>10}",
        "iter", "here", "PyTorch", "difference", "largest"
    );
    for (iter, line) in log.lines().take(n_steps).enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let number = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
        let part = iter * batch..(iter + 1) * batch;
        trainer.accumulate(&inputs[part.clone()], &targets[part]);
        let step = trainer.step().expect("a finite loss");
        assert!((step.lr - number("lr")).abs() < 1e-12, "another learning rate: {line}");
        let theirs = number("train_loss");
        let difference = (step.loss - theirs).abs();
        largest = largest.max(difference);
        largest_norm = largest_norm.max((step.grad_norm / number("grad_norm") - 1.0).abs());
        if iter < 10 || (iter + 1) % 10 == 0 {
            println!(
                "{iter:5} {:11.7} {theirs:11.7} {difference:10.1e} {largest:10.1e}",
                step.loss
            );
        }
    }
    println!(
        "largest difference of the losses {largest:.1e}, of the norms {largest_norm:.1e} of them"
    );
}
