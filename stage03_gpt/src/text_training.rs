//! A GPT that is trained on a text in memory: the [`Training`] of this stage's program.
//!
//! Every micro-batch is drawn at random from the training set, by a generator whose seed is the
//! number of the micro-batch: a run that is resumed draws the batches of one that never stopped.
//!
//! ```
//! use stage01_bigram::{corpus::Corpus, tokenizer::TokenizerKind};
//! use stage03_gpt::config::GptConfig;
//! use stage03_gpt::text_data::TextData;
//! use stage03_gpt::text_training::TextTraining;
//! use stage03_gpt::trainer::Settings;
//! use stage03_gpt::training::{LoopConfig, Training, train};
//!
//! let corpus = Corpus::built_in();
//! let tokenizer = TokenizerKind::Char.train(&corpus.text)?;
//! let vocab_size = tokenizer.vocab_size();
//! let config = GptConfig { vocab_size, n_layer: 1, n_embd: 16, ..GptConfig::default() };
//! let data = TextData::new(&corpus, &tokenizer, config.block_size)?;
//! let mut run = TextTraining::new(config, data, Settings::default())?;
//! let before = run.evaluate(5)?.validation;
//! train(&mut run, &LoopConfig::steps(20), &(), &mut ())?;
//! assert!(run.evaluate(5)?.validation < before);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: one step ([`trainer`](crate::trainer)), and the loop
//! ([`training`](crate::training)).

use stage01_bigram::dataset::Dataset;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use crate::config::GptConfig;
use crate::files::hugging_face::TextSettings;
use crate::gpt::Gpt;
use crate::model::{Model, ModelWeights, SpecialTokens};
use crate::text_data::TextData;
use crate::trainer::{Settings, Step, Trainer};
use crate::training::{Evaluation, Training};

/// A trainer and the text that it trains on.
pub struct TextTraining {
    /// The model and its optimiser.
    pub trainer: Trainer<f32>,
    /// The training set and the validation set.
    pub data: TextData,
    /// The lowest validation loss so far, in nats per token.
    pub best: f64,
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

impl TextTraining {
    /// A model of these sizes with random weights, before its first step.
    ///
    /// # Errors
    /// [`Error::Setting`] when the sizes or the settings cannot be used; and as
    /// [`TextTraining::from_trainer`].
    pub fn new(config: GptConfig, data: TextData, settings: Settings) -> Result<Self> {
        let gpt = Gpt::new(config)?;
        let weights = gpt.initialise(&mut generator(settings.seed, Purpose::Initialisation, 0));
        TextTraining::from_trainer(Trainer::new(gpt, weights, settings)?, data)
    }

    /// A trainer, at any step, and the text to train on.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] when the data has a token that the model does not have;
    /// [`Error::Text`] when a part of it is shorter than a window.
    pub fn from_trainer(trainer: Trainer<f32>, data: TextData) -> Result<Self> {
        let &GptConfig { vocab_size, block_size, .. } = trainer.gpt().config();
        for part in [&data.train, &data.validation] {
            if let Some(&token) = part.tokens().iter().find(|&&token| token as usize >= vocab_size)
            {
                return Err(Error::UnknownToken { token, vocab_size });
            }
            if part.len() <= block_size {
                let problem = format!("{} tokens hold no window of {block_size}", part.len());
                return Err(Error::text(&data.origin, problem, "give a longer text"));
            }
        }
        let (inputs, targets) = (Vec::new(), Vec::new());
        Ok(TextTraining { trainer, data, best: f64::INFINITY, inputs, targets })
    }

    /// How many tokens one step reads.
    pub fn tokens_per_step(&self) -> usize {
        self.trainer.settings().tokens_per_step(self.trainer.gpt().config().block_size)
    }

    /// The model as it is now. tokenizer: that of the data.
    pub fn into_model(self, tokenizer: Tokenizer) -> Model {
        let (special, text_settings) = (SpecialTokens::of(&tokenizer), TextSettings::default());
        let (gpt, params) = self.trainer.into_parts();
        let weights = ModelWeights::Full(params);
        Model { gpt, weights, tokenizer, special, text_settings }
    }
}

impl Training for TextTraining {
    fn iter(&self) -> usize {
        self.trainer.iter
    }

    fn micro_batches(&self) -> usize {
        self.trainer.settings().gradient_accumulation_steps
    }

    fn next_batch(&mut self) -> Result<()> {
        let TextTraining { trainer, data, inputs, targets, .. } = self;
        let (rng, batch_size) = (&mut trainer.batch_rng(), trainer.settings().batch_size);
        let block_size = trainer.gpt().config().block_size;
        data.train.sample_batch(batch_size, block_size, rng, inputs, targets);
        Ok(())
    }

    fn forward_backward(&mut self) -> Result<()> {
        self.trainer.accumulate(&self.inputs, &self.targets);
        Ok(())
    }

    fn update(&mut self) -> Result<Step> {
        self.trainer.step()
    }

    fn evaluate(&mut self, batches: usize) -> Result<Evaluation> {
        let TextTraining { trainer, data, inputs, targets, .. } = self;
        let Settings { batch_size, seed, .. } = *trainer.settings();
        let block_size = trainer.gpt().config().block_size;
        // ANCHOR: evaluate
        let mut mean_loss = |data: &Dataset, index| {
            let mut rng = generator(seed, Purpose::Evaluation, index);
            let (mut sum, mut tokens) = (0.0, 0);
            for _ in 0..batches {
                data.sample_batch(batch_size, block_size, &mut rng, inputs, targets);
                sum += trainer.evaluate(inputs, targets);
                tokens += inputs.len();
            }
            sum / tokens as f64
        };
        let (train, validation) = (mean_loss(&data.train, 0), mean_loss(&data.validation, 1));
        // ANCHOR_END: evaluate
        if let Some(loss) = [train, validation].into_iter().find(|loss| !loss.is_finite()) {
            return Err(Error::diverged(self.trainer.iter, loss));
        }
        let best = validation < self.best;
        self.best = self.best.min(validation);
        Ok(Evaluation { train, validation, best })
    }
}
