//! The training loop at scale, in small: gradients of micro-batches, the position in the data, what
//! a run costs, and two bugs.
//!
//! The loop itself is the real one, `stage03_gpt/src/training.rs`, on a small GPT that reads
//! the characters of the King James text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};
use stage01_bigram::{Error, Result};
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::run_directory::reserve;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Step};
use stage04_training::backend::{Backend, cpu::Cpu};
use stage04_training::checkpoint::{CheckpointManager, Saved};
use stage04_training::manifest::{
    InputsEntry, LeftOutEntry, Manifest, PartEntry, ShardEntry, SplitBy, SplitEntry, VERSION,
};
use stage04_training::shards::{Shards, Split, WindowSampler};
use stage04_training::trainer::{Callback, Evaluation, LoopConfig, ShardTraining, train};
use xxhash_rust::xxh3::xxh3_64;

use crate::setup::{self, small_gpt};

/// How many tokens a window has.
const LENGTH: usize = 32;

/// Runs the experiment.
pub fn run() -> Result<()> {
    on_paper();
    costs()?;
    let directory = std::env::temp_dir().join(format!("training_loop-{}", std::process::id()));
    let done = with_data(&directory);
    std::fs::remove_dir_all(&directory).ok();
    done
}

fn with_data(directory: &Path) -> Result<()> {
    let text = Corpus::built_in().text;
    let (tokens, run) = (directory.join("tokens"), directory.join("run"));
    let tokenizer = CharTokenizer::train(&text)?;
    prepare(&tokenizer, &text, &tokens)?;
    let data = Shards::open(&tokens)?;
    the_loop(&data, tokenizer, &run)?;
    position(&data)?;
    unequal_parts(&data)?;
    answers();
    Ok(())
}

// ANCHOR: mean
/// The mean of some numbers.
fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The mean of the means of some parts: right where all parts are equally long.
fn mean_of_means(parts: &[&[f64]]) -> f64 {
    let means: Vec<f64> = parts.iter().map(|part| mean(part)).collect();
    mean(&means)
}

/// The mean over all numbers of some parts: each part counts by its length.
fn mean_over_all(parts: &[&[f64]]) -> f64 {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    parts.iter().map(|part| part.len() as f64 / total as f64 * mean(part)).sum()
}
// ANCHOR_END: mean

/// The derivatives of four tokens.
const DERIVATIVES: [f64; 4] = [4.0, 2.0, 6.0, 8.0];

fn on_paper() {
    println!("ON PAPER: the derivatives of four tokens, 4, 2, 6 and 8");
    println!("                     means of the parts   mean of the means   over all");
    for (name, cut) in [("as a whole", 0), ("two and two", 2), ("one and three", 1)] {
        let (a, b) = DERIVATIVES.split_at(cut);
        let parts: Vec<&[f64]> = [a, b].into_iter().filter(|part| !part.is_empty()).collect();
        let means: Vec<String> = parts.iter().map(|part| format!("{:.2}", mean(part))).collect();
        println!(
            "{name:<21}{:<18}{:>20.2}{:>11.2}",
            means.join(", "),
            mean_of_means(&parts),
            mean_over_all(&parts)
        );
    }
}

/// How many seconds a run takes at this model FLOPs utilisation.
// ANCHOR: seconds
fn seconds(tokens: f64, operations: f64, devices: f64, peak: f64, mfu: f64) -> f64 {
    tokens * operations / (devices * peak * mfu)
}
// ANCHOR_END: seconds

/// GPT-2's smallest, in the sizes of the recipe gpt2-124m.
fn gpt2() -> GptConfig {
    GptConfig {
        vocab_size: 50_304,
        block_size: 1024,
        n_layer: 12,
        n_head: 12,
        n_embd: 768,
        dropout: 0.0,
        bias: false,
        ..GptConfig::default()
    }
}

/// What NVIDIA's data sheet says of an A100 in bf16, operations per second.
const A100: f64 = 312e12;

fn costs() -> Result<()> {
    let config = gpt2();
    let step = 12.0 * 1024.0 * 40.0;
    let (tokens, operations) = (step * 600_000.0, config.flops_per_token());
    let days = |mfu| seconds(tokens, operations, 8.0, A100, mfu) / 86_400.0;
    println!("\nWHAT A RUN COSTS: the recipe gpt2-124m on eight A100");
    println!("tokens per step              {step:>12.0}");
    println!("tokens of the run          {tokens:>12.3e}");
    println!("operations per token       {operations:>12.3e}");
    println!("operations of the run      {:>12.3e}", tokens * operations);
    println!("days at an MFU of 100 %    {:>12.2}", days(1.0));
    println!("days at an MFU of 30 %     {:>12.2}", days(0.3));
    println!("MFU, if it took 4 days     {:>10.0} %", 100.0 * days(1.0) / 4.0);
    Ok(())
}

/// Writes a text as a directory of tokens: what `prepare` does, for a text that fits into memory.
fn prepare(tokenizer: &CharTokenizer, text: &str, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(Error::file("make", directory))?;
    let tokens = tokenizer.encode(text)?;
    let (train, validation) = tokens.split_at(tokens.len() * 9 / 10);
    let part = |which: Split, tokens: &[u32]| -> Result<PartEntry> {
        let bytes: Vec<u8> = tokens.iter().flat_map(|&t| (t as u16).to_le_bytes()).collect();
        let file = which.shard_file(0);
        let path = directory.join(&file);
        std::fs::write(&path, &bytes).map_err(Error::file("write", &path))?;
        let (tokens, xxh3) = (tokens.len() as u64, format!("{:016x}", xxh3_64(&bytes)));
        let shards = vec![ShardEntry { file, tokens, xxh3 }];
        Ok(PartEntry { tokens, shards, ..PartEntry::default() })
    };
    let json = Tokenizer::Char(tokenizer.clone()).to_json();
    let manifest = Manifest {
        version: VERSION,
        token_bytes: 2,
        vocab_size: tokenizer.vocab_size(),
        end_of_text: None,
        tokenizer_xxh3: format!("{:016x}", xxh3_64(json.as_bytes())),
        split: SplitEntry { by: SplitBy::Tail, validation: 0.1 },
        train: part(Split::Train, train)?,
        validation: part(Split::Validation, validation)?,
        flags: BTreeMap::new(),
        inputs: InputsEntry::default(),
        left_out: LeftOutEntry::default(),
    };
    manifest.save(directory)
}

/// A trainer of a small GPT. batch_size: the windows of a micro-batch.
fn cpu(data: &Shards, batch_size: usize, micro_batches: usize) -> Result<Cpu> {
    let gpt = Gpt::new(small_gpt(data.manifest().vocab_size, LENGTH))?;
    let schedule =
        Schedule { learning_rate: 3e-3, min_lr: 3e-4, warmup_iters: 20, lr_decay_iters: 300 };
    let settings = Settings {
        gradient_accumulation_steps: micro_batches,
        ..setup::settings(batch_size, schedule)
    };
    let weights = gpt.initialise(&mut generator(settings.seed, Purpose::Initialisation, 0));
    Cpu::new(gpt, weights, settings)
}

fn trainer(data: &Shards, batch_size: usize, micro_batches: usize) -> Result<ShardTraining<'_>> {
    ShardTraining::new(Box::new(cpu(data, batch_size, micro_batches)?), data)
}

/// Evaluates and saves every 50 steps, and not by the clock.
fn config(max_iters: usize, eval_iters: usize) -> LoopConfig {
    LoopConfig { eval_interval: 50, eval_iters, ..LoopConfig::steps(max_iters) }
}

/// Prints a row at each evaluation.
#[derive(Default)]
struct Rows {
    /// The steps since the last row.
    steps: Vec<Step>,
}

impl Callback<ShardTraining<'_>> for Rows {
    fn stepped(&mut self, _run: &ShardTraining, step: &Step, _time: Duration) -> Result<()> {
        self.steps.push(*step);
        Ok(())
    }

    fn evaluated(&mut self, run: &mut ShardTraining, evaluation: &Evaluation) -> Result<()> {
        let largest = self.steps.drain(..).map(|step| step.grad_norm).fold(0.0, f64::max);
        let percent = 100.0 * run.position as f64 / run.windows() as f64;
        println!(
            "{:>4}{:>9.3}{:>9.3}{}{:>9.2}{:>10}{:>9.1} %",
            run.backend.iter(),
            evaluation.train,
            evaluation.validation,
            if evaluation.best { " best" } else { "     " },
            largest,
            run.position,
            percent
        );
        Ok(())
    }
}

const HEAD: &str = "step    train      val      grad norm  position   of an epoch";

fn the_loop(data: &Shards, tokenizer: CharTokenizer, directory: &Path) -> Result<()> {
    let tokenizer = Tokenizer::Char(tokenizer);
    let checkpoints = CheckpointManager::new(directory, tokenizer, json!({}), json!("King James"));
    println!("\nTHE LOOP: 150 steps of 2 micro-batches of 6 windows\n{HEAD}");
    let mut first = trainer(data, 6, 2)?;
    let _out = checkpoints.create(&mut first, reserve(directory)?)?;
    train(&mut first, &config(150, 20), &checkpoints, &mut Rows::default())?;

    println!("\nGOING ON: another 150 steps, of 1 micro-batch of 8 windows\n{HEAD}");
    // ANCHOR: resume
    let mut second = trainer(data, 8, 1)?;
    Saved::load(directory)?.restore(&mut second, &checkpoints.data)?;
    let config = config(300, 15); // 15 x 8 windows are 20 x 6
    train(&mut second, &config, &checkpoints, &mut Rows::default())?;
    // ANCHOR_END: resume
    Ok(())
}

/// How many windows a run reads at these positions, and how many different ones.
fn read(sampler: &WindowSampler, positions: impl Iterator<Item = u64>) -> [usize; 2] {
    let starts: Vec<u64> = positions.map(|position| sampler.start(position)).collect();
    let different: BTreeSet<u64> = starts.iter().copied().collect();
    [starts.len(), different.len()]
}

/// The position is the number of windows read; the wrong one is computed from the step.
fn resumed_at(steps: u64, old_batch: u64, new_batch: u64) -> [u64; 2] {
    // ANCHOR: resumed_at
    let saved = steps * old_batch; // counted while it ran, and saved
    let computed = steps * new_batch; // from the step, with today's settings
    // ANCHOR_END: resumed_at
    [saved, computed]
}

fn position(data: &Shards) -> Result<()> {
    println!("\nA BUG: a place that is computed from the step");
    let sampler = data.part(Split::Train).sampler(LENGTH, 1337)?;
    let [saved, computed] = resumed_at(150, 12, 8);
    let second = 150 * 8;
    println!("                        goes on at    read   different   read twice");
    for (name, at) in [("position, saved", saved), ("step x batch size", computed)] {
        let [windows, different] = read(&sampler, (0..saved).chain(at..at + second));
        println!("{name:<24}{at:>10}{windows:>8}{different:>12}{:>13}", windows - different);
    }
    Ok(())
}

/// The mean gradient of some windows of the data, by positions.
fn gradient(data: &Shards, positions: std::ops::Range<u64>) -> Result<Vec<f64>> {
    let sampler = data.part(Split::Train).sampler(LENGTH, 1337)?;
    let windows = (positions.end - positions.start) as usize;
    let mut cpu = cpu(data, windows, 1)?;
    let (mut x, mut y) = (vec![0; windows * LENGTH], vec![0; windows * LENGTH]);
    for (position, (x, y)) in positions.zip(x.chunks_mut(LENGTH).zip(y.chunks_mut(LENGTH))) {
        sampler.window(position, x, y)?;
    }
    cpu.accumulate(&x, &y)?;
    Ok(cpu.0.gradient().values.iter().map(|&g| f64::from(g)).collect())
}

/// A sum of gradients, each with its weight.
fn mixture(gradients: &[(f64, &[f64])]) -> Vec<f64> {
    let n = gradients[0].1.len();
    (0..n).map(|i| gradients.iter().map(|(weight, g)| weight * g[i]).sum()).collect()
}

fn norm(g: &[f64]) -> f64 {
    g.iter().map(|g| g * g).sum::<f64>().sqrt()
}

/// The norm of the difference of two vectors, divided by the norm of the second one.
fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    norm(&difference) / norm(b)
}

fn unequal_parts(data: &Shards) -> Result<()> {
    println!("\nTHE GRADIENT OF TWELVE WINDOWS, beside that of one batch of twelve");
    println!("parts          mean of the means   each by its length");
    let whole = gradient(data, 0..12)?;
    for cut in [6, 3, 1] {
        let (a, b) = (gradient(data, 0..cut)?, gradient(data, cut..12)?);
        let weight = cut as f64 / 12.0;
        let naive = mixture(&[(0.5, &a), (0.5, &b)]);
        let right = mixture(&[(weight, &a), (1.0 - weight, &b)]);
        println!(
            "{cut} and {:<9}{:>15.1} % off{:>15.1} % off",
            12 - cut,
            100.0 * relative_error(&naive, &whole),
            100.0 * relative_error(&right, &whole)
        );
    }
    Ok(())
}

/// The short and the long documents of a small world: how many tokens each has, and how often
/// "yes" is among them.
const SHORT: [f64; 2] = [2.0, 1.0];
const LONG: [f64; 2] = [38.0, 3.0];

/// What a model learns that knows one number, the probability of "yes".
fn learned(by_length: bool) -> f64 {
    let mut z = 0.0f64; // the logit of "yes"
    for _ in 0..2000 {
        let p = 1.0 / (1.0 + (-z).exp());
        // ANCHOR: answers
        let dz = |[tokens, yes]: [f64; 2]| p - yes / tokens; // of a document's mean loss
        let gradient = match by_length {
            true => (SHORT[0] * dz(SHORT) + LONG[0] * dz(LONG)) / (SHORT[0] + LONG[0]),
            false => (dz(SHORT) + dz(LONG)) / 2.0,
        };
        // ANCHOR_END: answers
        z -= gradient;
    }
    1.0 / (1.0 + (-z).exp())
}

/// The mean loss over the tokens of both kinds of documents, and the mean of the two means.
fn losses(p: f64) -> [f64; 2] {
    let sum = |[tokens, yes]: [f64; 2]| -(yes * p.ln() + (tokens - yes) * (1.0 - p).ln());
    let all = (sum(SHORT) + sum(LONG)) / (SHORT[0] + LONG[0]);
    [all, (sum(SHORT) / SHORT[0] + sum(LONG) / LONG[0]) / 2.0]
}

fn answers() {
    println!("\nA BUG: one short answer and one long one in each step");
    println!("                        p(yes)   loss it reports   loss over all tokens");
    for (name, by_length) in [("each by its length", true), ("mean of the means", false)] {
        let p = learned(by_length);
        let [all, of_means] = losses(p);
        let reported = if by_length { all } else { of_means };
        println!("{name:<22}{p:>8.3}{reported:>18.3}{all:>23.3}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let (two, one) = (DERIVATIVES.split_at(2), DERIVATIVES.split_at(1));
        assert_eq!(mean(&DERIVATIVES), 5.0);
        assert_eq!([mean(two.0), mean(two.1), mean_of_means(&[two.0, two.1])], [3.0, 7.0, 5.0]);
        assert!((mean(one.1) - 16.0 / 3.0).abs() < 1e-12);
        assert!((mean_of_means(&[one.0, one.1]) - 14.0 / 3.0).abs() < 1e-12);
        assert!((mean_over_all(&[one.0, one.1]) - 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_run_resumes_behind_the_last_window() {
        assert_eq!(resumed_at(150, 12, 8), [1800, 1200]);
    }

    #[test]
    fn a_day_is_a_day() {
        // A thousand tokens of a million operations, on two devices at half of a million a second.
        assert_eq!(seconds(1e3, 1e6, 2.0, 1e6, 0.5), 1e3);
    }

    #[test]
    fn only_lengths_lead_to_the_frequency() {
        assert!((learned(true) - 4.0 / 40.0).abs() < 1e-9);
        assert!((learned(false) - (0.5 + 3.0 / 38.0) / 2.0).abs() < 1e-9);
    }
}
