//! The speed of generation: reading a prompt (prefill), and writing (decode steps).
//!
//! A prompt is read in one forward pass: its matrix products are large, so it is compute-bound.
//! Writing goes token by token, and for every token every weight is fetched once: it is
//! memory-bound.

use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::json;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::thousands;
use stage01_bigram::{Error, Result};

use super::super::screen::Screen;
use crate::generate::Decoder;
use crate::gpt::Gpt;
use crate::machine::{median, memory_speed, middle};
use crate::memory;
use crate::trainer::{Settings, thread_pool};

/// Measures reading and writing with random weights, and prints the result.
pub fn measure(
    gpt: Gpt,
    settings: &Settings,
    budget: Duration,
    as_json: bool,
    screen: &Screen,
) -> Result<()> {
    let config = gpt.config();
    let prompt_tokens = config.block_size / 2;
    if prompt_tokens == 0 {
        let expected = "it must be at least 2 for a prompt and something after it";
        return Err(Error::setting("--block-size", config.block_size, expected));
    }
    let written = prompt_tokens.min(256);
    let bytes = 4.0 * config.n_params() as f64;
    memory::require(bytes, "the model", "choose a smaller --n-layer or --n-embd")?;
    let bandwidth = memory_speed(settings.threads, budget / 4)?;
    let params = gpt.initialise::<f32>(&mut generator(settings.seed, Purpose::Initialisation, 0));

    let mut rng = generator(settings.seed, Purpose::Other, 0);
    let mut draw = || rng.random_range(0..config.vocab_size as u32);
    let prompt: Vec<u32> = (0..prompt_tokens).map(|_| draw()).collect();
    let (reading, writing) = thread_pool(settings.threads)?.install(|| {
        let reading = median(budget / 4, || Decoder::new(&gpt, &params, None)?.prefill(&prompt))?;
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < 5 || start.elapsed() < budget / 2 {
            let mut decoder = Decoder::new(&gpt, &params, None)?;
            decoder.prefill(&prompt)?;
            // At most as many as the prompt has: then the block is full.
            for _ in 0..written {
                let began = Instant::now();
                decoder.prefill(&[draw()])?;
                times.push(began.elapsed().as_secs_f64());
            }
        }
        Ok::<_, Error>((reading, middle(&mut times)))
    })?;

    // The numbers fetched for a token: every weight once, but only one row of the position
    // embedding; and keys and values of all tokens before it, here of the middle one.
    let weights = config.n_params() - config.block_size * config.n_embd;
    let cache = 2 * config.n_layer * config.n_embd * (prompt_tokens + written / 2);
    let fetched = 4.0 * (weights + cache) as f64;
    let (read_rate, write_rate) = (prompt_tokens as f64 / reading, 1.0 / writing);
    let utilisation = fetched * write_rate / bandwidth;
    if as_json {
        screen.line(
            json!({
                "n_params": config.n_params(), "threads": settings.threads,
                "prompt_tokens": prompt_tokens, "prompt_tokens_per_second": read_rate,
                "decode_tokens_per_second": write_rate,
                "bandwidth_gb_per_second": bandwidth / 1e9, "decode_utilisation": utilisation,
            })
            .to_string(),
        );
        return Ok(());
    }
    let rate = |rate: f64| thousands(rate.round() as usize);
    screen.line(format!("memory            {:7.1} GB/s, the machine alone", bandwidth / 1e9));
    screen.line(format!(
        "reading           {:>7} tokens per second, a prompt of {prompt_tokens}",
        rate(read_rate)
    ));
    screen.line(format!("writing           {:>7} tokens per second", rate(write_rate)));
    screen.line(format!("                  {:7.1} GB/s", fetched * write_rate / 1e9));
    let note = if utilisation > 1.0 { ": much of it stays in the cache" } else { "" };
    screen.line(format!("utilisation       {:7.1} %{note}", 100.0 * utilisation));
    Ok(())
}
