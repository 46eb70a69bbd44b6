//! A model in training on prepared data, for the training loop of stage 3.
//!
//! ```text
//!   data ──window──> batch ──accumulate──> gradient ──step──> weights
//!          ^ position                                            │
//!          └───────────────── again ─────────────────────────────┘
//! ```
//!
//! The loop is [`train`] of stage 3. Two things differ from stage 3:
//! a [`Backend`] does the arithmetic, and the windows come from prepared data, shuffled, each once
//! per epoch. The only state of that order is one number, the *position*, so a resumed run
//! continues where it stopped, even with another batch size.
//!
//! ```
//! # use stage04_training::prepare::{Settings, prepare};
//! # use stage04_training::progress::Silent;
//! #
//! # let directory = tempfile::tempdir().unwrap();
//! # let input = directory.path().join("text.txt");
//! # let sentence = "In the beginning God created the heaven and the earth. ";
//! # std::fs::write(&input, sentence.repeat(20)).unwrap();
//! # let settings = Settings {
//! #     input: vec![input],
//! #     out: directory.path().join("tokens"),
//! #     tokenizer: "char".parse()?,
//! #     ..Settings::default()
//! # };
//! # prepare(&settings, &Silent)?;
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::settings::RunSettings;
//! use stage04_training::backend::cpu::Cpu;
//! use stage04_training::shards::Shards;
//! use stage04_training::trainer::{ShardTraining, Training};
//!
//! let shards = Shards::open(&settings.out)?;
//! let (n_layer, n_embd, block_size, batch_size) = (1, 16, 8, 2);
//! let run = RunSettings { n_layer, n_embd, block_size, batch_size, ..RunSettings::default() };
//! let gpt = run.gpt(shards.manifest().vocab_size)?;
//! let weights = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
//! let backend = Cpu::new(gpt, weights, run.settings())?;
//! let mut trainer = ShardTraining::new(Box::new(backend), &shards)?;
//! trainer.step()?;
//! assert_eq!(trainer.position, 2); // the windows of one batch
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the files of a checkpoint ([`crate::checkpoint`]), and the display
//! (`cli::watch`).

use stage01_bigram::{Error, Result};
use stage03_gpt::config::GptConfig;
use stage03_gpt::trainer::{Settings, Step};
pub use stage03_gpt::training::{Callback, Ending, Evaluation, LoopConfig, Training, train};

use crate::backend::Backend;
use crate::shards::{Shards, Split, WindowSampler};

/// A model in training, and its position in the data.
pub struct ShardTraining<'a> {
    /// Does the arithmetic.
    pub backend: Box<dyn Backend>,
    /// The number of windows read so far; the next batch begins with this one.
    pub position: u64,
    /// The lowest validation loss so far, in nats per token.
    pub best: f64,
    train: WindowSampler<'a>,
    /// The windows of evaluations, of both parts; always the same.
    fixed: [WindowSampler<'a>; 2],
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

/// The seed of the windows of evaluations. It is not that of the run, so that runs with different
/// seeds are evaluated on the same windows and can be compared.
const EVALUATION_SEED: u64 = 0;

impl<'a> ShardTraining<'a> {
    /// A run before its first step.
    ///
    /// # Errors
    /// [`Error::Setting`] when a part of the data has too few tokens for one window.
    pub fn new(backend: Box<dyn Backend>, data: &'a Shards) -> Result<Self> {
        let block_size = backend.gpt().config().block_size;
        let Settings { batch_size, seed, .. } = *backend.settings();
        let (train, validation) = (data.part(Split::Train), data.part(Split::Validation));
        let batch = vec![0; batch_size * block_size];
        Ok(ShardTraining {
            train: train.sampler(block_size, seed)?,
            fixed: [
                train.sampler(block_size, EVALUATION_SEED)?,
                validation.sampler(block_size, EVALUATION_SEED)?,
            ],
            backend,
            position: 0,
            best: f64::INFINITY,
            inputs: batch.clone(),
            targets: batch,
        })
    }

    /// The number of tokens per step.
    pub fn tokens_per_step(&self) -> usize {
        self.backend.settings().tokens_per_step(self.backend.gpt().config().block_size)
    }

    /// The number of windows per epoch.
    pub fn windows(&self) -> u64 {
        self.train.windows()
    }

    /// The mean loss over all windows of the validation set, in nats per token, and their number of
    /// tokens: at most about `most`, in the shuffled order, in full batches.
    ///
    /// # Errors
    /// As [`Training::evaluate`].
    pub fn evaluate_all(&mut self, most: usize) -> Result<(f64, usize)> {
        let all = self.fixed[Split::Validation as usize].windows();
        let windows = usize::try_from(all).unwrap_or(usize::MAX);
        let batch_size = self.backend.settings().batch_size;
        let batches = (windows / batch_size).min(most / self.inputs.len()).max(1);
        Ok((self.mean_loss(Split::Validation, batches)?, batches * self.inputs.len()))
    }

    fn mean_loss(&mut self, part: Split, batches: usize) -> Result<f64> {
        let (mut sum, mut position) = (0.0, 0);
        for _ in 0..batches {
            let (config, x, y) = (self.backend.gpt().config(), &mut self.inputs, &mut self.targets);
            position = fill(&self.fixed[part as usize], position, config, x, y)?;
            sum += self.backend.evaluate(&self.inputs, &self.targets)?;
        }
        let loss = sum / (batches * self.inputs.len()) as f64;
        if loss.is_finite() { Ok(loss) } else { Err(Error::diverged(self.backend.iter(), loss)) }
    }
}

impl Training for ShardTraining<'_> {
    fn iter(&self) -> usize {
        self.backend.iter()
    }

    fn micro_batches(&self) -> usize {
        self.backend.settings().gradient_accumulation_steps
    }

    fn next_batch(&mut self) -> Result<()> {
        let (config, x, y) = (self.backend.gpt().config(), &mut self.inputs, &mut self.targets);
        self.position = fill(&self.train, self.position, config, x, y)?;
        Ok(())
    }

    fn forward_backward(&mut self) -> Result<()> {
        self.backend.accumulate(&self.inputs, &self.targets)
    }

    fn update(&mut self) -> Result<Step> {
        self.backend.step()
    }

    fn evaluate(&mut self, batches: usize) -> Result<Evaluation> {
        let train = self.mean_loss(Split::Train, batches)?;
        let validation = self.mean_loss(Split::Validation, batches)?;
        let best = validation < self.best;
        self.best = self.best.min(validation);
        Ok(Evaluation { train, validation, best })
    }

    /// Fails if the loss is NaN or infinite, so that such weights are not saved.
    fn check(&mut self) -> Result<()> {
        self.mean_loss(Split::Train, 1).map(drop)
    }
}

/// Fills a batch with the windows from a position on; returns the position after them.
///
/// inputs, targets: (batch_size, block_size), window after window.
fn fill(
    sampler: &WindowSampler,
    mut position: u64,
    &GptConfig { block_size, vocab_size, .. }: &GptConfig,
    inputs: &mut [u32],
    targets: &mut [u32],
) -> Result<u64> {
    for (x, y) in inputs.chunks_mut(block_size).zip(targets.chunks_mut(block_size)) {
        sampler.window(position, x, y)?;
        // A shard may be damaged, and a GPU would read beyond the token embeddings.
        if let Some(token) = x.iter().chain(y.iter()).find(|&&t| t as usize >= vocab_size) {
            let problem = format!(
                "window {position} has the token {token}, but the model knows only {vocab_size} \
                 (0 to {})",
                vocab_size - 1
            );
            let remedy = "its files are damaged, or made with another tokenizer; prepare it again";
            return Err(Error::text("the data", problem, remedy));
        }
        position += 1;
    }
    Ok(position)
}

#[cfg(test)]
mod tests;
