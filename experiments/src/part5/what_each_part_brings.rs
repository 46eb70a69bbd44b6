//! What each part of today's models brings: the same training with one part exchanged, and with all.
//!
//! The model, the text and the settings are those of stage 3's default run, shortened. Every variant has
//! as many weights as the GPT-2, within one per cent: what a part saves goes into a wider feed-forward
//! layer. And every variant has as much time: it gets more steps where a step is faster. Three seeds.
//!
//! `--clock` measures the time of a step of each variant, in turn; the table [`VARIANTS`] has what it
//! measured, so that the number of steps does not depend on the day. `--steps N` changes the steps
//! of the GPT-2.

use std::time::Instant;

use clap::Parser;
use rayon::prelude::*;
use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::text::thousands;
use stage02_attention::attention::rotary::Rope;
use stage02_attention::parallel::single_threaded;
use stage03_gpt::architecture::{Architecture, MlpKind, NormKind, Positions};
use stage03_gpt::config::GptConfig;
use stage03_gpt::evaluate::evaluate;
use stage03_gpt::settings::RunSettings;
use stage03_gpt::text_data::TextData;
use stage03_gpt::text_training::TextTraining;
use stage03_gpt::training::{LoopConfig, Training, train};

use crate::arguments::{self, Outcome};

const SEEDS: [u64; 3] = [1337, 1338, 1339];

/// A model of the table.
struct Variant {
    name: &'static str,
    arch: Architecture,
    /// The time of a step by `--clock`, in GPT-2's.
    time: f64,
}

const GPT2: Architecture = Architecture::GPT2;
const RMS: NormKind = NormKind::RmsNorm { eps: 1e-5 };
const ROTARY: Positions = Positions::Rotary(Rope::new(10_000.0));
const HALF_THE_KEYS: Option<usize> = Some(2);

// ANCHOR: variants
/// One part exchanged at a time; then all but the grouped queries; then all.
const VARIANTS: [Variant; 7] = [
    Variant { name: "GPT-2", arch: GPT2, time: 1.0 },
    Variant { name: "  RMSNorm", arch: Architecture { norm: RMS, ..GPT2 }, time: 1.0 },
    Variant { name: "  rotary", arch: Architecture { positions: ROTARY, ..GPT2 }, time: 1.03 },
    Variant { name: "  SwiGLU", arch: Architecture { mlp: MlpKind::SwiGlu, ..GPT2 }, time: 1.05 },
    Variant {
        name: "  grouped",
        arch: Architecture { n_kv_head: HALF_THE_KEYS, ..GPT2 },
        time: 1.0,
    },
    Variant { name: "Llama", arch: Architecture::LLAMA, time: 1.04 },
    Variant {
        name: "  grouped",
        arch: Architecture { n_kv_head: HALF_THE_KEYS, ..Architecture::LLAMA },
        time: 1.05,
    },
];
// ANCHOR_END: variants

/// The flags of this experiment.
#[derive(Parser)]
struct Flags {
    /// Measure the time of a step of each variant instead.
    #[arg(long)]
    clock: bool,
    /// Steps of the GPT-2.
    #[arg(long, default_value_t = 800)]
    steps: usize,
}

/// The text, and its tokens.
struct Text {
    corpus: Corpus,
    tokenizer: stage01_bigram::tokenizer::Tokenizer,
}

/// Runs the experiment.
///
/// # Errors
/// When the arguments are wrong, and as a training.
pub fn run(arguments: &[String]) -> Outcome {
    let flags: Flags = arguments::parse("what_each_part_brings", arguments)?;
    let corpus = Corpus::built_in();
    let tokenizer =
        stage01_bigram::tokenizer::TokenizerKind::Bpe { vocab_size: 2048 }.train(&corpus.text)?;
    let text = Text { corpus, tokenizer };
    if flags.clock {
        clock(&text)?
    } else {
        table(&text, flags.steps)?
    }
    Ok(())
}

/// The settings of a run: those of stage 3's default run, on one thread.
fn settings(seed: u64, max_iters: usize) -> RunSettings {
    RunSettings { seed, max_iters, threads: Some(1), ..RunSettings::default() }
}

/// The sizes of a variant, with a feed-forward layer so wide that it has GPT-2's number of weights.
fn config(variant: &Variant, vocab_size: usize) -> Result<GptConfig> {
    let gpt2 = settings(0, 1).config(vocab_size)?;
    let with = |n_inner| {
        let arch = Architecture { n_inner: Some(n_inner), ..variant.arch };
        GptConfig { arch, ..gpt2.clone() }
    };
    let far = |n_inner: &usize| with(*n_inner).n_params().abs_diff(gpt2.n_params());
    let n_inner = (8..=8 * gpt2.n_embd).step_by(8).min_by_key(far).expect("some width");
    Ok(with(n_inner).with_defaults_unsaid())
}

fn training(text: &Text, variant: &Variant, run: &RunSettings) -> Result<TextTraining> {
    let config = config(variant, text.tokenizer.vocab_size())?;
    let data = TextData::new(&text.corpus, &text.tokenizer, config.block_size)?;
    TextTraining::new(config, data, run.settings())
}

/// Validation loss of every variant after equal time, for each seed.
fn table(text: &Text, steps: usize) -> Result<()> {
    let runs: Vec<(usize, u64)> =
        (0..VARIANTS.len()).flat_map(|variant| SEEDS.map(|seed| (variant, seed))).collect();
    let losses = runs.par_iter().with_max_len(1).map(|&(variant, seed)| {
        single_threaded(|| final_loss(text, &VARIANTS[variant], seed, steps))
    });
    let losses = losses.collect::<Result<Vec<f64>>>()?;

    println!("VALIDATION LOSS AFTER EQUAL TIME, nats per token");
    println!(
        "            weights  hidden   time   steps     seed 1  seed 2  seed 3    mean  to GPT-2"
    );
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let gpt2 = mean(&losses[..SEEDS.len()]);
    for (variant, losses) in VARIANTS.iter().zip(losses.chunks(SEEDS.len())) {
        let config = config(variant, text.tokenizer.vocab_size())?;
        let (weights, hidden) = (thousands(config.n_params()), config.n_inner());
        let (time, steps) = (variant.time, steps_of(variant, steps));
        print!("{:<11}{weights:>8}{hidden:>8}{time:>7.2}{steps:>8}   ", variant.name);
        losses.iter().for_each(|loss| print!("{loss:>8.4}"));
        println!("{:>8.4}{:>+10.4}", mean(losses), mean(losses) - gpt2);
    }
    println!("\nWHAT A KV CACHE STORES, numbers per token");
    for variant in [&VARIANTS[0], &VARIANTS[6]] {
        let config = config(variant, text.tokenizer.vocab_size())?;
        println!("{:<11}{:>8}", variant.name.trim(), thousands(config.kv_cache_per_token()));
    }
    Ok(())
}

/// The steps that a variant makes in the time of GPT-2's.
fn steps_of(variant: &Variant, steps: usize) -> usize {
    (steps as f64 / variant.time).round() as usize
}

/// The loss on the whole validation set after a training.
fn final_loss(text: &Text, variant: &Variant, seed: u64, steps: usize) -> Result<f64> {
    let run = settings(seed, steps_of(variant, steps));
    let mut training = training(text, variant, &run)?;
    train(&mut training, &LoopConfig::steps(run.max_iters), &(), &mut ())?;
    let (gpt, weights) = (training.trainer.gpt(), &training.trainer.weights);
    let tokens = training.data.validation.tokens();
    Ok(evaluate(gpt, weights, tokens, gpt.config().block_size)?.per_token())
}

/// The time of a step of each variant: the fastest of many, a few of each in turn.
fn clock(text: &Text) -> Result<()> {
    const ROUNDS: usize = 40;
    let run = settings(1, 1_000_000);
    let mut trainings =
        VARIANTS.iter().map(|v| training(text, v, &run)).collect::<Result<Vec<_>>>()?;
    let mut fastest = [f64::INFINITY; VARIANTS.len()];
    for _ in 0..ROUNDS {
        for (training, fastest) in trainings.iter_mut().zip(&mut fastest) {
            for _ in 0..3 {
                let start = Instant::now();
                single_threaded(|| -> Result<()> {
                    training.next_batch()?;
                    training.forward_backward()?;
                    training.update().map(|_| ())
                })?;
                *fastest = fastest.min(start.elapsed().as_secs_f64());
            }
        }
    }
    println!("TIME OF A STEP on one thread, the fastest of {}", 3 * ROUNDS);
    for (variant, time) in VARIANTS.iter().zip(fastest) {
        let (ms, ratio) = (1e3 * time, time / fastest[0]);
        println!("{:<11}{ms:>8.1} ms{ratio:>8.2} of GPT-2's", variant.name);
    }
    Ok(())
}
