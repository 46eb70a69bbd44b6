//! Trains the default model of the course with the plain GPT, and then generates a text.
//!
//! `cargo run -p stage03_gpt --example plain_gpt` takes the first 200 of the 4,500 steps of the
//! default run, with the same text, seed and batches as `cargo run -p stage03_gpt`, so the losses
//! are the same but for rounding. `... --example plain_gpt 4500` takes them all.

use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::{Error, Result};
use stage02_attention::matmul;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::plain::Plain;
use stage03_gpt::plain::train::{Hyperparameters, Report};

fn main() -> Result<()> {
    let max_iters = match std::env::args().nth(1) {
        None => 200,
        Some(n) => {
            let wrong = |_| Error::setting("the number of steps", &n, "give one such as 200");
            n.parse().map_err(wrong)?
        }
    };
    // The text, cut in two, as tokens.
    let corpus = Corpus::built_in();
    let (train, validation) = split(&corpus.text, 0.9)?;
    let tokenizer = "bpe:2048".parse::<TokenizerKind>()?.train(train)?;
    let (vocab_size, block_size) = (tokenizer.vocab_size(), 64);
    let train = Dataset::new(tokenizer.encode(train)?, block_size)?;
    let validation = Dataset::new(tokenizer.encode(validation)?, block_size)?;

    // The architecture, and its first weights.
    let (n_layer, n_head, n_embd, dropout, bias) = (4, 4, 128, 0.0, false);
    let gpt = Gpt::new(GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout,
        bias,
        ..GptConfig::default()
    })?;
    let settings = Hyperparameters { max_iters, ..Hyperparameters::default() };
    let seed = settings.seed;
    let mut weights = gpt.initialise::<f32>(&mut generator(seed, Purpose::Initialisation, 0));

    // `matmul::plain` in place of `matmul::gemm` is three loops, and several times slower.
    let model = Plain { product: matmul::gemm, ..Plain::new(&gpt) };
    model.train(&settings, [&train, &validation], &mut weights, |report| match report {
        Report::Evaluation { iter, train, validation } => {
            println!("{iter:>5} steps: training loss {train:.4}, validation loss {validation:.4}");
        }
        Report::Step { iter, loss, lr } if iter % 10 == 0 || iter < 20 => {
            println!("step {iter:>5}: loss {loss:.4}, learning rate {lr:.1e}");
        }
        Report::Step { .. } => {}
    });

    // A generated text, with the KV cache.
    let (mut sampler, mut rng) =
        (Sampler::new(0.8, None, None)?, generator(seed, Purpose::Sampling, 0));
    let prompt = "In the beginning";
    let text = model.generate(&weights, &tokenizer.encode(prompt)?, 200, &mut sampler, &mut rng)?;
    println!("\n{prompt}{}", tokenizer.decode(&text)?);
    Ok(())
}
