//! `bench`: how fast does this machine train?

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{ArgMatches, Args};
use ndarray::Array2;
use rand::RngExt;
use rayon::prelude::*;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::screen::thousands;
use stage01_bigram::{Error, Result};
use stage02_attention::matmul::gemm;

use super::run::{PRESETS, Run};
use super::screen::Screen;
use crate::gpt::Gpt;
use crate::memory;
use crate::trainer::{Trainer, thread_pool};

/// Measure how fast this machine trains.
///
/// It measures the machine's own speed first, with large matrix products and nothing else, and
/// then whole training steps on random tokens. The share says how much of the machine the
/// training uses: the rest is memory traffic and everything that is not a matrix product.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// A set of settings with a name. Flags you type replace those of the preset.
    #[arg(long, value_name = "NAME", default_value = PRESETS[0].name)]
    preset: String,

    /// How many tokens the vocabulary has.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    vocab_size: usize,

    /// For how many seconds to measure.
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,

    #[command(flatten)]
    run: Run,
}

/// Runs the command.
pub fn bench(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let Some(budget) = Duration::try_from_secs_f64(flags.seconds).ok().filter(|d| !d.is_zero())
    else {
        return Err(Error::setting("--seconds", flags.seconds, "choose a number above 0, like 5"));
    };
    let run = Run::from_preset(&flags.preset, &flags.run, matches)?;
    let gpt = Gpt::new(run.config(flags.vocab_size))?;
    let flops = gpt.config().flops_per_token();
    let settings = run.settings();
    settings.validate()?;
    let threads = settings.threads;
    let n_params = gpt.config().n_params();
    let weights = gpt.initialise(&mut generator(run.seed, Purpose::Initialisation, 0));
    let mut trainer = Trainer::<f32>::new(gpt, weights, settings)?;
    let screen = Screen::new();
    screen.line(format!(
        "model             {} weights: {} layers of {};\n                  {} x {} tokens a pass, \
         {threads} threads",
        thousands(n_params),
        run.n_layer,
        run.n_embd,
        run.batch_size,
        run.block_size
    ));
    let machine = matrix_product_speed(threads, budget / 2)?;
    screen.line(format!("matrix products   {machine:7.1} GFLOP/s, the machine alone"));

    let mut rng = generator(run.seed, Purpose::Other, 0);
    let tokens = run.batch_size * run.block_size;
    let mut draw = || (0..tokens).map(|_| rng.random_range(0..flags.vocab_size as u32)).collect();
    let (inputs, targets): (Vec<u32>, Vec<u32>) = (draw(), draw());
    let seconds = median(budget, || {
        trainer.accumulate(&inputs, &targets);
        trainer.step().map(|_| ())
    })?;
    let rate = tokens as f64 / seconds;
    let achieved = rate * flops / 1e9;
    screen.line(format!("a training step   {:7.1} ms, the median", seconds * 1e3));
    screen.line(format!("tokens a second   {:>7}", thousands(rate as usize)));
    screen.line(format!("training          {achieved:7.1} GFLOP/s"));
    screen.line(format!("share             {:7.1} %", 100.0 * achieved / machine));
    screen.end()
}

/// The speed of large matrix products on all threads at once, in GFLOP/s: the median.
fn matrix_product_speed(threads: usize, budget: Duration) -> Result<f64> {
    const N: usize = 1024;
    let pool = thread_pool(threads)?;
    let bytes = (3 * 4 * N * N * threads) as f64;
    memory::require(bytes, "the room for matrix products", "choose fewer --threads")?;
    let mut tables: Vec<[Array2<f32>; 3]> = (0..threads)
        .map(|_| std::array::from_fn(|i| Array2::from_elem((N, N), 0.5 + i as f32)))
        .collect();
    let seconds = median(budget, || {
        pool.install(|| {
            tables.par_iter_mut().for_each(|[a, b, c]| {
                gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
            });
        });
        Ok(())
    })?;
    Ok(2.0 * (N * N * N * threads) as f64 / seconds / 1e9)
}

/// The median time of one call, over as many calls as fit, at least five, after two to warm up.
fn median(budget: Duration, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    call()?;
    call()?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || start.elapsed() < budget {
        let began = Instant::now();
        call()?;
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
