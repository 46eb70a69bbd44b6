//! How fast a model trains, and where the time goes.

use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Map, json};
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::screen::thousands;
use stage02_attention::profiler;

use super::super::screen::Screen;
use crate::gpt::Gpt;
use crate::machine::{matrix_product_speed, median};
use crate::trainer::{Settings, Trainer};

/// Measures training steps on random tokens, and shows what was found.
pub fn measure(
    gpt: Gpt,
    settings: Settings,
    budget: Duration,
    as_json: bool,
    screen: &Screen,
) -> Result<()> {
    let config = gpt.config().clone();
    let (threads, seed) = (settings.threads, settings.seed);
    let passes = settings.gradient_accumulation_steps;
    let batch = settings.batch_size * config.block_size;
    let weights = gpt.initialise(&mut generator(seed, Purpose::Initialisation, 0));
    let mut trainer = Trainer::<f32>::new(gpt, weights, settings)?;

    let machine = matrix_product_speed(threads, budget / 4)?;
    if !as_json {
        screen.line(format!("matrix products   {machine:7.1} GFLOP/s in f32, the machine alone"));
    }

    // Other tokens in every step, as in training: a batch that is seen again and again is soon known
    // by heart, and its gradients are no longer those of a model that learns.
    let mut rng = generator(seed, Purpose::Other, 0);
    let vocab_size = config.vocab_size as u32;
    let mut draw = || -> Vec<u32> { (0..batch).map(|_| rng.random_range(0..vocab_size)).collect() };
    let mut step = || {
        (0..passes).for_each(|_| trainer.accumulate(&draw(), &draw()));
        trainer.step().map(|_| ())
    };
    let seconds = median(budget / 2, &mut step)?;

    // The same again with the clocks running.
    let (start, mut steps) = (Instant::now(), 0);
    profiler::start();
    while steps < 3 || start.elapsed() < budget / 4 {
        step()?;
        steps += 1;
    }
    let (times, all) = (profiler::stop(), start.elapsed());
    // Times are added up over the threads, and so is what passed in all.
    let a_step = |time: Duration| 1e3 * time.as_secs_f64() / (steps * threads) as f64;
    let mut parts: Vec<(&str, f64)> = profiler::REGIONS
        .iter()
        .zip(times)
        .map(|((_, name), time)| (*name, a_step(time)))
        .collect();
    let known: f64 = parts.iter().map(|(_, ms)| ms).sum();
    let all = a_step(all * threads as u32);
    parts.push(("the rest", (all - known).max(0.0)));

    let tokens = (batch * passes) as f64;
    // ANCHOR: achieved
    let achieved = tokens / seconds * config.flops_per_token() / 1e9;
    // ANCHOR_END: achieved
    if as_json {
        let parts: Map<_, _> =
            parts.iter().map(|(name, ms)| (name.to_string(), json!(ms))).collect();
        screen.line(
            json!({
                "n_params": config.n_params(), "threads": threads, "tokens_per_step": tokens,
                "ms_per_step": seconds * 1e3, "tokens_per_second": tokens / seconds,
                "gflops": achieved, "machine_gflops": machine, "share": achieved / machine,
                "parts": parts,
            })
            .to_string(),
        );
        return Ok(());
    }
    screen.line(format!("a training step   {:7.1} ms, the median", seconds * 1e3));
    screen.line(format!("tokens per second   {:>7}", thousands((tokens / seconds) as usize)));
    screen.line(format!("training          {achieved:7.1} GFLOP/s"));
    screen.line(format!("share             {:7.1} %", 100.0 * achieved / machine));
    screen.line("\nwhere the time of a step goes");
    for (name, ms) in parts.iter().filter(|(_, ms)| *ms > 0.0) {
        screen.line(format!("  {name:<15} {ms:7.1} ms {:5.1} %", 100.0 * ms / all));
    }
    screen.line("  (the rest: embeddings, and waiting for each other)");
    Ok(())
}
