//! Trains a tiny GPT on the built-in text for a few seconds, and samples from it.
//!
//! ```text
//! cargo run -p stage03_gpt --example train_and_sample
//! ```

use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::Dataset;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::CharTokenizer;
use stage03_gpt::adamw::AdamW;
use stage03_gpt::config::GptConfig;
use stage03_gpt::generate::Decoder;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Trainer};

fn main() -> Result<()> {
    let (block_size, batch_size, steps) = (32, 16, 300);
    let text = Corpus::built_in().text;
    let tokenizer = CharTokenizer::train(&text)?;
    let data = Dataset::new(tokenizer.encode(&text)?, block_size)?;

    let vocab_size = tokenizer.vocab_size();
    let (n_layer, n_head, n_embd, dropout, bias) = (2, 4, 64, 0.0, false);
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
    let weights = gpt.initialise(&mut generator(1337, Purpose::Initialisation, 0));
    let settings = Settings {
        batch_size,
        gradient_accumulation_steps: 1,
        schedule: Schedule {
            learning_rate: 5e-3,
            min_lr: 5e-4,
            warmup_iters: 20,
            lr_decay_iters: steps,
        },
        adamw: AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 },
        seed: 1337,
        threads: 1,
    };
    let mut trainer = Trainer::<f32>::new(gpt, weights, settings)?;
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for step in 1..=steps {
        let rng = &mut trainer.batch_rng();
        data.sample_batch(batch_size, block_size, rng, &mut inputs, &mut targets);
        trainer.accumulate(&inputs, &targets);
        let loss = trainer.step()?.loss;
        if step % 100 == 0 {
            println!("step {step}: loss {loss:.3}");
        }
    }

    let mut decoder = Decoder::new(trainer.gpt(), &trainer.weights, None)?;
    decoder.prefill(&tokenizer.encode("And God said")?)?;
    let (mut sampler, mut rng) = (Sampler::default(), generator(1337, Purpose::Sampling, 0));
    let tokens: Vec<u32> = (0..100).map(|_| decoder.decode_step(&mut sampler, &mut rng)).collect();
    println!("And God said{}", tokenizer.decode(&tokens)?);
    Ok(())
}
