//! From the plain GPT to the fast one: what does each rung bring?
//!
//! Whole training steps are measured, forward, backward and AdamW, on the same weights and the same
//! batch:
//!
//! 1. [`plain`](stage03_gpt::plain) as it is: loops;
//! 2. the same with [`matmul::gemm`] for its products, whose tiles fit the caches and the
//!    registers, and nothing else changed;
//! 3. the fast model on one thread: attention without its matrix of attention weights, everything
//!    between the products with the SIMD instructions of this processor, and an optimiser that goes
//!    through memory once. This rung does not part the three;
//! 4. the same on all threads.
//!
//! Computers grow warm and have other things to do, so the rungs take turns, and the table shows
//! medians. It also shows the loss after the same few steps on each rung: they all learn the same.

use std::io::{StdoutLock, Write};
use std::time::Instant;

use clap::Parser;
use rand::RngExt;
use stage01_bigram::Error;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::thousands;
use stage02_attention::matmul;
use stage02_attention::params::Params;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::plain::{Batch, Optimiser, Plain, Product};
use stage03_gpt::trainer::{Settings, Trainer};

use crate::arguments::{self, Outcome};
use crate::setup::{self, constant_rate};

/// Measure training from plain loops to all threads, rung by rung.
///
/// Tokens per second of whole training steps on random tokens. The default sizes are those of the
/// preset shakespeare-cpu.
#[derive(Debug, Parser)]
struct Flags {
    /// Number of transformer blocks.
    #[arg(long, value_name = "N", default_value_t = 4)]
    n_layer: usize,

    /// How many heads each attention has.
    #[arg(long, value_name = "N", default_value_t = 4)]
    n_head: usize,

    /// Embedding width.
    #[arg(long, value_name = "N", default_value_t = 128)]
    n_embd: usize,

    /// How many tokens a sequence has.
    #[arg(long, value_name = "N", default_value_t = 64)]
    block_size: usize,

    /// How many sequences a step reads.
    #[arg(long, value_name = "N", default_value_t = 12)]
    batch_size: usize,

    /// How many tokens the vocabulary has.
    #[arg(long, value_name = "N", default_value_t = 65)]
    vocab_size: usize,

    /// The threads of the last rung. [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// How often each rung has its turn.
    #[arg(long, value_name = "N", default_value_t = 3)]
    turns: usize,

    /// The least time of a turn, in seconds. A turn is at least one step.
    #[arg(long, value_name = "S", default_value_t = 0.5)]
    seconds: f64,
}

/// Steps to warm up: the last of them gives the loss that is shown.
const WARM_UP: usize = 3;

/// One way to do the same work.
struct Rung<'a> {
    name: String,
    /// One training step. Returns the loss before it.
    step: Box<dyn FnMut() -> Result<f64, Error> + 'a>,
    /// The loss of the last step of the warm-up.
    loss: f64,
    /// How long each step took, in seconds.
    times: Vec<f64>,
}

/// Runs the experiment.
pub fn run(arguments: &[String]) -> Outcome {
    let flags: Flags = arguments::parse("speed_ladder", arguments)?;
    let out = &mut std::io::stdout().lock();
    if flags.turns == 0 {
        return Err(Error::setting("--turns", 0, "it must be at least 1").into());
    }
    if !(flags.seconds.is_finite() && flags.seconds >= 0.0) {
        return Err(Error::setting("--seconds", flags.seconds, "choose 0 or more, like 0.5").into());
    }
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let settings = settings(&flags, flags.threads.unwrap_or(cores));
    settings.validate()?;
    let gpt = Gpt::new(GptConfig {
        vocab_size: flags.vocab_size,
        block_size: flags.block_size,
        n_layer: flags.n_layer,
        n_head: flags.n_head,
        n_embd: flags.n_embd,
        dropout: 0.0,
        bias: false,
        ..GptConfig::default()
    })?;
    let tokens = flags.batch_size * flags.block_size;
    let weights = gpt.initialise(&mut generator(settings.seed, Purpose::Initialisation, 0));
    let mut rng = generator(settings.seed, Purpose::Other, 0);
    let mut draw = || (0..tokens).map(|_| rng.random_range(0..flags.vocab_size as u32)).collect();
    let batch: (Vec<u32>, Vec<u32>) = (draw(), draw());

    let by_loops =
        |name: &str, product| Rung::plain(name, &gpt, &weights, &settings, &batch, product);
    let by_engine = |name: String, threads| {
        let settings = Settings { threads, ..settings.clone() };
        Rung::fast(name, &gpt, &weights, settings, &batch)
    };
    let mut rungs = vec![
        by_loops("plain loops", matmul::plain),
        by_loops("blocked matrix products", matmul::gemm),
        by_engine("fused attention, SIMD, one-pass AdamW".into(), 1)?,
    ];
    if settings.threads > 1 {
        rungs.push(by_engine(format!("{} threads", settings.threads), settings.threads)?);
    }

    writeln!(
        out,
        "{} weights: {} layers of {}; {} x {} tokens per step\n",
        thousands(gpt.layout().len()),
        flags.n_layer,
        flags.n_embd,
        flags.batch_size,
        flags.block_size
    )?;
    for rung in &mut rungs {
        for _ in 0..WARM_UP {
            rung.loss = (rung.step)()?;
        }
    }
    for _ in 0..flags.turns {
        for rung in &mut rungs {
            rung.take_turn(flags.seconds)?;
        }
    }
    show(out, &mut rungs, tokens as f64, gpt.config().flops_per_token())
}

impl<'a> Rung<'a> {
    /// A rung of plain loops, with this matrix product.
    fn plain(
        name: &str,
        gpt: &'a Gpt,
        weights: &Params<f32>,
        settings: &Settings,
        (inputs, targets): &'a (Vec<u32>, Vec<u32>),
        product: Product<f32>,
    ) -> Self {
        let plain = Plain { gpt, length: gpt.config().block_size, product };
        let (mut weights, lr) = (weights.clone(), settings.schedule.learning_rate);
        let mut optimiser = Optimiser::new(settings.adamw, gpt.layout());
        let batch = Batch { tokens: inputs.clone(), targets: targets.clone(), rngs: Vec::new() };
        Rung::new(name.into(), move || {
            Ok(plain.step(vec![batch.clone()], lr, &mut optimiser, &mut weights))
        })
    }

    /// A rung of the fast model.
    fn fast(
        name: String,
        gpt: &Gpt,
        weights: &Params<f32>,
        settings: Settings,
        (inputs, targets): &'a (Vec<u32>, Vec<u32>),
    ) -> Result<Self, Error> {
        let mut trainer = Trainer::new(gpt.clone(), weights.clone(), settings)?;
        Ok(Rung::new(name, move || {
            trainer.accumulate(inputs, targets);
            Ok(trainer.step()?.loss)
        }))
    }

    fn new(name: String, step: impl FnMut() -> Result<f64, Error> + 'a) -> Self {
        Rung { name, step: Box::new(step), loss: f64::NAN, times: Vec::new() }
    }

    /// Steps until `seconds` have passed.
    fn take_turn(&mut self, seconds: f64) -> Result<(), Error> {
        let turn = Instant::now();
        loop {
            let step = Instant::now();
            (self.step)()?;
            self.times.push(step.elapsed().as_secs_f64());
            if turn.elapsed().as_secs_f64() >= seconds {
                return Ok(());
            }
        }
    }
}

/// How to train. The learning rate stays as it is, and so does the batch.
fn settings(flags: &Flags, threads: usize) -> Settings {
    Settings { threads, ..setup::settings(flags.batch_size, constant_rate(1e-3, 0)) }
}

/// The table: tokens per second, and how much faster than the rung before and than the first.
fn show(out: &mut StdoutLock, rungs: &mut [Rung], tokens: f64, flops: f64) -> Outcome {
    let width = rungs.iter().map(|rung| rung.name.len()).max().unwrap_or(0);
    writeln!(
        out,
        "{:width$}   tokens/s   GFLOP/s   x before    x first   steps   loss {WARM_UP}",
        "rung"
    )?;
    let (mut first, mut before) = (None, None);
    for rung in rungs {
        rung.times.sort_by(f64::total_cmp);
        let rate = tokens / rung.times[rung.times.len() / 2];
        let factor = |of: Option<f64>| of.map_or(String::new(), |of| format!("{:.2}", rate / of));
        writeln!(
            out,
            "{:width$} {:>10} {:>9.2} {:>10} {:>10} {:>7} {:>8.4}",
            rung.name,
            thousands(rate.round() as usize),
            rate * flops / 1e9,
            factor(before),
            factor(first),
            rung.times.len(),
            rung.loss,
        )?;
        first = first.or(Some(rate));
        before = Some(rate);
    }
    writeln!(out, "\nloss {WARM_UP}: of the step with this number, on the same batch")?;
    Ok(())
}
