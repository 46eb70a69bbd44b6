//! The speed of training, and where the time of a step goes.

use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Map, json};
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::thousands;
use stage02_attention::profiler;

use super::super::screen::Screen;
use crate::gpt::Gpt;
use crate::machine::{matrix_product_speed, median};
use crate::trainer::{Settings, Trainer};

/// Measures training steps on random tokens, and prints the result.
pub fn measure(
    gpt: Gpt,
    settings: Settings,
    budget: Duration,
    as_json: bool,
    screen: &Screen,
) -> Result<()> {
    let config = gpt.config().clone();
    let (threads, seed) = (settings.threads, settings.seed);
    let micro_batches = settings.gradient_accumulation_steps;
    let batch = settings.batch_size * config.block_size;
    let weights = gpt.initialise(&mut generator(seed, Purpose::Initialisation, 0));
    let mut trainer = Trainer::<f32>::new(gpt, weights, settings)?;

    let machine = matrix_product_speed(threads, budget / 4)?;
    if !as_json {
        screen.line(format!("matrix products   {machine:7.1} GFLOP/s in f32, the machine alone"));
    }

    // Other tokens in every step, as in training: a repeated batch is soon memorised, and then its
    // gradients are no longer those of training.
    let mut rng = generator(seed, Purpose::Other, 0);
    let vocab_size = config.vocab_size as u32;
    let mut draw = || -> Vec<u32> { (0..batch).map(|_| rng.random_range(0..vocab_size)).collect() };
    let mut step = || {
        (0..micro_batches).for_each(|_| trainer.accumulate(&draw(), &draw()));
        trainer.step().map(|_| ())
    };
    let seconds = median(budget / 2, &mut step)?;

    // The same again with the profiler on.
    let (start, mut steps) = (Instant::now(), 0);
    profiler::start();
    while steps < 3 || start.elapsed() < budget / 4 {
        step()?;
        steps += 1;
    }
    let (times, all) = (profiler::stop(), start.elapsed());
    // The profiler adds the times of all threads; the elapsed time is multiplied by their number.
    let per_step = |time: Duration| 1e3 * time.as_secs_f64() / (steps * threads) as f64;
    let mut regions: Vec<(&str, f64)> = profiler::REGIONS
        .iter()
        .zip(times)
        .map(|((_, name), time)| (*name, per_step(time)))
        .collect();
    let known: f64 = regions.iter().map(|(_, ms)| ms).sum();
    let all = per_step(all * threads as u32);
    regions.push(("the rest", (all - known).max(0.0)));

    let tokens = (batch * micro_batches) as f64;
    // ANCHOR: achieved
    let achieved = tokens / seconds * config.flops_per_token() / 1e9;
    // ANCHOR_END: achieved
    if as_json {
        let parts: Map<_, _> =
            regions.iter().map(|(name, ms)| (name.to_string(), json!(ms))).collect();
        screen.line(
            json!({
                "n_params": config.n_params(), "threads": threads, "tokens_per_step": tokens,
                "ms_per_step": seconds * 1e3, "tokens_per_second": tokens / seconds,
                "gflops": achieved, "machine_gflops": machine, "utilisation": achieved / machine,
                "parts": parts,
            })
            .to_string(),
        );
        return Ok(());
    }
    screen.line(format!("a training step   {:7.1} ms, the median", seconds * 1e3));
    screen.line(format!("tokens per second {:>7}", thousands((tokens / seconds) as usize)));
    screen.line(format!("training          {achieved:7.1} GFLOP/s"));
    screen.line(format!("utilisation       {:7.1} %", 100.0 * achieved / machine));
    screen.line("\nwhere the time of a step goes");
    for (name, ms) in regions.iter().filter(|(_, ms)| *ms > 0.0) {
        screen.line(format!("  {name:<15} {ms:7.1} ms {:5.1} %", 100.0 * ms / all));
    }
    screen.line("  (the rest: embeddings, and waiting for each other)");
    Ok(())
}
