//! What several experiments set up in the same way: the King James text as tokens, settings of a
//! training, a small GPT, its trainer, the means in which losses are shown, and a clock.

use std::time::Instant;

use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};
use stage02_attention::parallel::single_threaded;
use stage03_gpt::adamw::AdamW;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Trainer};

/// The word of the paper examples, in tokens: a b c d r are 0 1 2 3 4.
pub const ABRACADABRA: [u32; 11] = [0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0];

/// A text as characters: its tokenizer, and the first nine tenths and the last tenth of its tokens.
pub struct CharData {
    /// Knows the characters of the whole text.
    pub tokenizer: Tokenizer,
    /// What is trained on.
    pub train: Dataset,
    /// What is held out.
    pub validation: Dataset,
}

impl CharData {
    /// The built-in King James text.
    ///
    /// # Errors
    /// When a part of the text is shorter than a window of `block_size` tokens.
    pub fn king_james(block_size: usize) -> Result<Self> {
        Self::new(&Corpus::built_in().text, block_size)
    }

    /// Some text.
    ///
    /// # Errors
    /// When a part of the text is shorter than a window of `block_size` tokens.
    pub fn new(text: &str, block_size: usize) -> Result<Self> {
        let tokenizer = Tokenizer::Char(CharTokenizer::train(text)?);
        let (train, validation) = split(text, 0.9)?;
        let train = Dataset::new(tokenizer.encode(train)?, block_size)?;
        let validation = Dataset::new(tokenizer.encode(validation)?, block_size)?;
        Ok(Self { tokenizer, train, validation })
    }

    /// The number of characters that occur in the text.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.vocab_size()
    }
}

// ANCHOR: adamw
/// AdamW with the constants of stage 3's default run.
pub const ADAMW: AdamW =
    AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 };
// ANCHOR_END: adamw

/// A learning rate that stays as it is after the warm-up.
pub fn constant_rate(learning_rate: f64, warmup_iters: usize) -> Schedule {
    let lr_decay_iters = warmup_iters + 1;
    Schedule { learning_rate, min_lr: learning_rate, warmup_iters, lr_decay_iters }
}

/// Settings of a training on one thread, without accumulation, with [`ADAMW`].
pub fn settings(batch_size: usize, schedule: Schedule) -> Settings {
    Settings {
        batch_size,
        gradient_accumulation_steps: 1,
        schedule,
        adamw: ADAMW,
        seed: 1337,
        threads: 1,
    }
}

/// The GPT of most experiments: two layers of 64 numbers per token, in four heads.
pub fn small_gpt(vocab_size: usize, block_size: usize) -> GptConfig {
    GptConfig {
        vocab_size,
        block_size,
        n_layer: 2,
        n_head: 4,
        n_embd: 64,
        dropout: 0.0,
        bias: false,
        ..GptConfig::default()
    }
}

/// A trainer whose weights come from the seed of its settings.
///
/// # Errors
/// When a size or a setting is impossible.
pub fn trainer(config: GptConfig, settings: Settings) -> Result<Trainer<f32>> {
    trainer_of(Gpt::new(config)?, settings)
}

/// The same for a model that has been made already.
///
/// # Errors
/// When a setting is impossible.
pub fn trainer_of(gpt: Gpt, settings: Settings) -> Result<Trainer<f32>> {
    let weights = gpt.initialise(&mut generator(settings.seed, Purpose::Initialisation, 0));
    Trainer::new(gpt, weights, settings)
}

/// The validation loss in nats per token: the mean over at least 96 windows, which are the same in
/// every run.
pub fn validation_loss(trainer: &mut Trainer<f32>, validation: &Dataset) -> f64 {
    let batch_size = trainer.settings().batch_size;
    let block_size = trainer.gpt().config().block_size;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let (mut rng, mut sum, mut tokens) = (generator(1, Purpose::Evaluation, 0), 0.0, 0);
    while tokens < 96 * block_size {
        validation.sample_batch(batch_size, block_size, &mut rng, &mut x, &mut y);
        sum += trainer.evaluate(&x, &y);
        tokens += x.len();
    }
    sum / tokens as f64
}

/// The mean of the ten losses before a step: the loss of one batch jitters.
pub fn mean_before(losses: &[f64], step: usize) -> f64 {
    losses[step - 10..step].iter().sum::<f64>() / 10.0
}

/// Milliseconds that each of several pieces of work takes on one thread: they run in turn, `times`
/// times, and the fastest of each counts, in which the least was done by others.
pub fn in_turn<const N: usize>(times: usize, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut fastest = [f64::INFINITY; N];
    for _ in 0..times {
        for (work, fastest) in work.iter_mut().zip(&mut fastest) {
            let start = Instant::now();
            single_threaded(work);
            *fastest = fastest.min(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    fastest
}

/// A curve of the means of five losses each, for a chart.
pub fn smooth(losses: &[f64]) -> Vec<(f64, f64)> {
    let means = losses.chunks(5).map(|part| part.iter().sum::<f64>() / part.len() as f64);
    means.enumerate().map(|(i, mean)| (5.0 * i as f64 + 2.0, mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_turn() {
        let order = std::cell::RefCell::new(String::new());
        let mut a = || order.borrow_mut().push('a');
        let mut b = || order.borrow_mut().push('b');
        assert!(in_turn(3, [&mut a, &mut b]).iter().all(|&ms| ms >= 0.0));
        assert_eq!(order.into_inner(), "ababab");
    }

    #[test]
    fn a_constant_rate_stays_as_it_is() {
        let schedule = constant_rate(5e-3, 20);
        assert_eq!([20, 21, 500, 100_000].map(|step| schedule.at(step)), [5e-3; 4]);
        assert_eq!(constant_rate(1e-2, 0).at(0), 1e-2);
        assert!(schedule.at(0) < schedule.at(10) && schedule.at(10) < 5e-3);
    }

    #[test]
    fn means_of_losses() {
        let losses: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(mean_before(&losses, 15), 9.5);
        assert_eq!(smooth(&losses), [(2.0, 2.0), (7.0, 7.0), (12.0, 12.0), (17.0, 17.0)]);
    }
}
