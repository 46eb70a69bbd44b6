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
use stage02_attention::params::Tensor;
use stage02_attention::weights::Weights;

use super::super::screen::Screen;
use crate::generate::Decoder;
use crate::gpt::Gpt;
use crate::machine::{median, memory_speed, middle};
use crate::memory;
use crate::model::ModelWeights;
use crate::trainer::{Settings, thread_pool};

/// The longest prompt that is measured, and the most tokens that are written after it.
const LONGEST: (usize, usize) = (512, 256);

/// Measures reading and writing with random weights, and prints the result.
pub fn measure(
    gpt: Gpt,
    settings: &Settings,
    budget: Duration,
    as_json: bool,
    screen: &Screen,
) -> Result<()> {
    let bytes = 4.0 * gpt.config().n_params() as f64;
    memory::require(bytes, "the model", "choose a smaller --n-layer or --n-embd")?;
    let rng = &mut generator(settings.seed, Purpose::Initialisation, 0);
    let weights = ModelWeights::Full(gpt.initialise(rng));
    let prompt_tokens = gpt.config().block_size / 2;
    if prompt_tokens == 0 {
        let expected = "it must be at least 2 for a prompt and something after it";
        return Err(Error::setting("--block-size", gpt.config().block_size, expected));
    }
    Measured::new(&gpt, &weights, prompt_tokens).run(settings, budget, as_json, screen)
}

/// Measures reading and writing of a model from a file, and prints the result.
pub fn measure_model(
    mut gpt: Gpt,
    weights: &ModelWeights,
    settings: &Settings,
    budget: Duration,
    as_json: bool,
    screen: &Screen,
) -> Result<()> {
    let (prompt, written) = LONGEST;
    let context = gpt.config().block_size.min(prompt + written);
    gpt.shorten_context(context)?;
    // The prompt is 2 / 3 of the context. A context of one token has nothing to write after.
    if context < 2 {
        let expected = "it must be at least 2 for a prompt and something after it";
        return Err(Error::setting("the context of the model", context, expected));
    }
    let prompt_tokens = (context * 2).div_ceil(3).min(context - 1);
    if !as_json {
        super::describe(&gpt, &format!("prompt of {prompt_tokens} tokens"), settings, screen);
    }
    Measured::new(&gpt, weights, prompt_tokens).run(settings, budget, as_json, screen)
}

/// The bytes of the weights that are fetched for each token that is written: all but the embeddings,
/// of which it is one row. An embedding that is the output layer, too, is fetched as that.
fn bytes_per_token(gpt: &Gpt, weights: &ModelWeights) -> usize {
    let looked_up = |tensor: &&Tensor| {
        let tied = gpt.config().arch.tie_weights;
        tensor.name == "wpe.weight" || (!tied && tensor.name == "wte.weight")
    };
    let layout = gpt.layout();
    let tensors = layout.tensors().iter().filter(|tensor| !looked_up(tensor));
    match weights {
        ModelWeights::Full(_) => tensors.map(|tensor| 4 * tensor.len()).sum(),
        ModelWeights::Blocks(blocks) => tensors.map(|tensor| blocks.bytes_of(tensor)).sum(),
    }
}

/// What is measured.
struct Measured<'a> {
    gpt: &'a Gpt,
    weights: &'a dyn Weights<f32>,
    /// Bytes of weights that are fetched for each token.
    bytes: usize,
    prompt_tokens: usize,
}

impl<'a> Measured<'a> {
    fn new(gpt: &'a Gpt, weights: &'a ModelWeights, prompt_tokens: usize) -> Self {
        let bytes = bytes_per_token(gpt, weights);
        Measured { gpt, weights: weights.for_inference(), bytes, prompt_tokens }
    }

    fn run(
        &self,
        settings: &Settings,
        budget: Duration,
        as_json: bool,
        screen: &Screen,
    ) -> Result<()> {
        let &Measured { gpt, weights, bytes, prompt_tokens } = self;
        let config = gpt.config();
        let written = prompt_tokens.min(LONGEST.1).min(config.block_size - prompt_tokens).max(1);
        let bandwidth = memory_speed(settings.threads, budget / 4)?;

        let mut rng = generator(settings.seed, Purpose::Other, 0);
        let mut draw = || rng.random_range(0..config.vocab_size as u32);
        let prompt: Vec<u32> = (0..prompt_tokens).map(|_| draw()).collect();
        let (reading, writing) = thread_pool(settings.threads)?.install(|| {
            let reading =
                median(budget / 4, || Decoder::new(gpt, weights, None)?.prefill(&prompt))?;
            let mut times = Vec::new();
            let start = Instant::now();
            while times.len() < 5 || start.elapsed() < budget / 2 {
                let mut decoder = Decoder::new(gpt, weights, None)?;
                decoder.prefill(&prompt)?;
                for _ in 0..written {
                    let began = Instant::now();
                    decoder.prefill(&[draw()])?;
                    times.push(began.elapsed().as_secs_f64());
                }
            }
            Ok::<_, Error>((reading, middle(&mut times)))
        })?;

        // Fetched for a token, besides the weights: keys and values of all tokens before it, here of
        // the middle one.
        let number = weights.cache_numbers().bytes::<f32>();
        let cache = number * config.kv_cache_per_token() * (prompt_tokens + written / 2);
        let fetched = (bytes + cache) as f64;
        let (read_rate, write_rate) = (prompt_tokens as f64 / reading, 1.0 / writing);
        let utilisation = fetched * write_rate / bandwidth;
        if as_json {
            screen.line(
                json!({
                    "n_params": config.n_params(), "threads": settings.threads,
                    "prompt_tokens": prompt_tokens, "prompt_tokens_per_second": read_rate,
                    "decode_tokens_per_second": write_rate, "weight_bytes_per_token": bytes,
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
        let note = if utilisation > 1.0 { ": caches help" } else { "" };
        screen.line(format!("utilisation       {:7.1} %{note}", 100.0 * utilisation));
        Ok(())
    }
}
