//! What each hyperparameter does: the same small GPT, two hundred steps, one setting changed.
//!
//! A model of 2 layers and embedding width 64, on the characters of the King James text. Everything
//! is as in `stage03_gpt train`, only small enough that a run takes about a second.
//! `--plot FILE` draws the training loss for five learning rates.

use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage03_gpt::adamw::AdamW;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Trainer};

use crate::setup::{self, ADAMW, CharData, mean_before, small_gpt, smooth, validation_loss};

/// How many tokens a window has.
const LENGTH: usize = 32;

/// How many steps a run has.
const STEPS: usize = 200;

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    on_paper();
    let data = CharData::king_james(LENGTH)?;
    let curves = rates(&data)?;
    if let Some(file) = plot {
        chart(curves, frequencies(&data)).save(file)?;
    }
    knobs(&data)?;
    accumulation(&data)?;
    noise(&data)
}

/// The schedule of the example for paper.
const PAPER: Schedule =
    Schedule { learning_rate: 0.01, min_lr: 0.001, warmup_iters: 4, lr_decay_iters: 12 };

fn on_paper() {
    println!("ON PAPER: warm-up for 4 steps to 0.01, cosine to 0.001 at step 12");
    println!("step          0      1      2      3      4      6      8     10     12     20");
    print!("rate    ");
    for step in [0, 1, 2, 3, 4, 6, 8, 10, 12, 20] {
        print!("{:>7.4}", PAPER.at(step));
    }
    println!();
}

/// The loss of a model that knows how frequent each character is, and nothing else.
fn frequencies(data: &CharData) -> f64 {
    let tokens = data.train.tokens();
    let mut counts = vec![0.0; data.vocab_size()];
    tokens.iter().for_each(|&token| counts[token as usize] += 1.0);
    let frequencies = counts.iter().map(|count| count / tokens.len() as f64);
    frequencies.filter(|&p| p > 0.0).map(|p: f64| -p * p.ln()).sum()
}

// ANCHOR: usual
/// The settings of the reference run. Every other run changes one of them.
fn usual() -> Settings {
    Settings {
        batch_size: 12,
        gradient_accumulation_steps: 1,
        schedule: Schedule {
            learning_rate: 3e-3,
            min_lr: 3e-4,
            warmup_iters: 20,
            lr_decay_iters: STEPS,
        },
        adamw: ADAMW,
        seed: 1337,
        threads: 1,
    }
}
// ANCHOR_END: usual

fn with_rate(learning_rate: f64) -> Settings {
    let schedule = Schedule { learning_rate, min_lr: learning_rate / 10.0, ..usual().schedule };
    Settings { schedule, ..usual() }
}

fn trainer(data: &CharData, settings: Settings) -> Result<Trainer<f32>> {
    setup::trainer(small_gpt(data.vocab_size(), LENGTH), settings)
}

/// What a run leaves behind.
struct Curve {
    /// The loss of every step's batch.
    losses: Vec<f64>,
    /// The largest gradient norm of the run.
    largest_norm: f64,
    /// The loss on the validation set, at the end.
    validation: f64,
}

fn train(data: &CharData, settings: Settings) -> Result<Curve> {
    let mut trainer = trainer(data, settings)?;
    let batch_size = trainer.settings().batch_size;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let (mut losses, mut largest_norm) = (Vec::new(), 0.0f64);
    for _ in 0..STEPS {
        data.train.sample_batch(batch_size, LENGTH, &mut trainer.batch_rng(), &mut x, &mut y);
        trainer.accumulate(&x, &y);
        let step = trainer.step()?;
        losses.push(step.loss);
        largest_norm = largest_norm.max(step.grad_norm);
    }
    let validation = validation_loss(&mut trainer, &data.validation);
    Ok(Curve { losses, largest_norm, validation })
}

const HEAD: &str = "                             step 10     50    100    200   val     max norm";

fn show(name: &str, curve: &Curve) {
    let around = |step| mean_before(&curve.losses, step);
    println!(
        "{name:<28}{:>8.3}{:>7.3}{:>7.3}{:>7.3}{:>6.3}{:>13.2}",
        around(10),
        around(50),
        around(100),
        around(200),
        curve.validation,
        curve.largest_norm
    );
}

fn rates(data: &CharData) -> Result<Vec<(String, Curve)>> {
    println!("\nLEARNING RATES\n{HEAD}");
    let mut curves = Vec::new();
    for (name, rate) in
        [("3e-5", 3e-5), ("3e-4", 3e-4), ("3e-3", 3e-3), ("3e-2", 3e-2), ("3e-1", 3e-1)]
    {
        let curve = train(data, with_rate(rate))?;
        show(name, &curve);
        curves.push((name.to_string(), curve));
    }
    println!("what knowing the frequencies of characters reaches: {:.3}", frequencies(data));
    Ok(curves)
}

fn chart(curves: Vec<(String, Curve)>, frequencies: f64) -> LineChart {
    LineChart {
        title: "Two hundred steps with five learning rates".into(),
        x_label: "step".into(),
        y_label: "training loss (nats per token)".into(),
        series: curves
            .into_iter()
            .map(|(name, curve)| Series {
                name: format!("rate {name}"),
                points: smooth(&curve.losses),
            })
            .collect(),
        references: vec![("frequencies of characters".into(), frequencies)],
    }
}

fn knobs(data: &CharData) -> Result<()> {
    println!("\nONE KNOB AT A TIME\n{HEAD}");
    let schedule = |rate: f64, warmup_iters, min_lr| Settings {
        schedule: Schedule { learning_rate: rate, min_lr, warmup_iters, lr_decay_iters: STEPS },
        ..usual()
    };
    let adamw = |change: fn(&mut AdamW)| {
        let mut settings = usual();
        change(&mut settings.adamw);
        settings
    };
    for (name, settings) in [
        ("as usual", usual()),
        ("no warm-up", schedule(3e-3, 0, 3e-4)),
        ("rate 2e-2", schedule(2e-2, 20, 2e-3)),
        ("rate 2e-2, no warm-up", schedule(2e-2, 0, 2e-3)),
        ("rate 3e-3 to the end", schedule(3e-3, 20, 3e-3)),
        ("no clipping", adamw(|adamw| adamw.grad_clip = 0.0)),
        ("beta1 0", adamw(|adamw| adamw.beta1 = 0.0)),
        ("beta2 0.999", adamw(|adamw| adamw.beta2 = 0.999)),
        ("no decay", adamw(|adamw| adamw.weight_decay = 0.0)),
        ("decay 10", adamw(|adamw| adamw.weight_decay = 10.0)),
        ("batch of 3", Settings { batch_size: 3, ..usual() }),
        ("batch of 48", Settings { batch_size: 48, ..usual() }),
    ] {
        show(name, &train(data, settings)?);
    }
    Ok(())
}

/// The loss and the gradient norm of 12 windows, read in this number of micro-batches.
fn in_micro_batches(data: &CharData, micro_batches: usize) -> Result<[f64; 2]> {
    let settings = Settings {
        batch_size: 12 / micro_batches,
        gradient_accumulation_steps: micro_batches,
        ..usual()
    };
    let mut trainer = trainer(data, settings)?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    data.train.sample_batch(12, LENGTH, &mut generator(1, Purpose::Batch, 0), &mut x, &mut y);
    let tokens_per_micro_batch = x.len() / micro_batches;
    for (x, y) in x.chunks(tokens_per_micro_batch).zip(y.chunks(tokens_per_micro_batch)) {
        trainer.accumulate(x, y);
    }
    let step = trainer.step()?;
    Ok([step.loss, step.grad_norm])
}

fn accumulation(data: &CharData) -> Result<()> {
    println!("\nACCUMULATION: the same 12 windows");
    let ways =
        [(1, "1 micro-batch of 12"), (4, "4 micro-batches of 3"), (12, "12 micro-batches of 1")];
    for (micro_batches, words) in ways {
        let [loss, norm] = in_micro_batches(data, micro_batches)?;
        println!("{words:<22} loss {loss:.5}, gradient norm {norm:.5}");
    }
    Ok(())
}

/// How far the gradient of a batch is from that of many, divided by the norm of the latter: the
/// root of the mean square over some batches.
fn noise(data: &CharData) -> Result<()> {
    println!("\nNOISE: a batch's gradient beside that of 1,024 windows, at the start");
    println!("windows    off by");
    let truth = mean_gradient(data, 64, 0)?;
    let length = |g: &[f64]| g.iter().map(|g| g * g).sum::<f64>().sqrt();
    for micro_batches in [1, 4, 16] {
        let mut squares = 0.0;
        for draw in 1..=4 {
            let batch = mean_gradient(data, micro_batches, 1000 * draw)?;
            let off: Vec<f64> = batch.iter().zip(&truth).map(|(a, b)| a - b).collect();
            squares += (length(&off) / length(&truth)).powi(2);
        }
        println!("{:>7} {:>8.0} %", 16 * micro_batches, 100.0 * (squares / 4.0).sqrt());
    }
    Ok(())
}

/// The gradient of some micro-batches of 16 windows, at the weights of the beginning.
fn mean_gradient(data: &CharData, micro_batches: usize, first: u64) -> Result<Vec<f64>> {
    let settings =
        Settings { batch_size: 16, gradient_accumulation_steps: micro_batches, ..usual() };
    let mut trainer = trainer(data, settings)?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..micro_batches as u64 {
        let mut rng = generator(1, Purpose::Batch, first + i);
        data.train.sample_batch(16, LENGTH, &mut rng, &mut x, &mut y);
        trainer.accumulate(&x, &y);
    }
    Ok(trainer.gradient().values.iter().map(|&g| f64::from(g)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let expected = [0.002, 0.004, 0.006, 0.008, 0.01];
        for (step, rate) in expected.into_iter().enumerate() {
            assert!((PAPER.at(step) - rate).abs() < 1e-12);
        }
        // Half way down, cos is 0: the middle of 0.01 and 0.001.
        assert!((PAPER.at(8) - 0.0055).abs() < 1e-12);
        assert!((PAPER.at(12) - 0.001).abs() < 1e-12);
    }

    #[test]
    fn micro_batches_add_up_to_the_batch() {
        let data =
            CharData::new(&"the quick brown fox jumps over the lazy dog. ".repeat(40), LENGTH)
                .unwrap();
        let [whole, parts] =
            [1, 4].map(|micro_batches| in_micro_batches(&data, micro_batches).unwrap());
        for (a, b) in whole.into_iter().zip(parts) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}
