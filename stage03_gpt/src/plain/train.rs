//! The training loop: draw a batch, forward, backward, clip, step; evaluate now and then.
//!
//! ```
//! use stage01_bigram::dataset::Dataset;
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::plain::{Plain, train::{Hyperparameters, Report}};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt, schedule::Schedule};
//!
//! let gpt = Gpt::new(GptConfig {
//!     vocab_size: 2, block_size: 4, n_layer: 1, n_head: 1, n_embd: 8, dropout: 0.0, bias: false,
//!     ..GptConfig::default()
//! })?;
//! let mut weights = gpt.initialise::<f64>(&mut generator(1, Purpose::Initialisation, 0));
//! let data = Dataset::new([0, 1].repeat(20), 4)?; // 0 1 0 1 …
//! let schedule =
//!     Schedule { learning_rate: 0.03, min_lr: 0.003, warmup_iters: 0, lr_decay_iters: 50 };
//! let settings =
//!     Hyperparameters { batch_size: 2, max_iters: 50, schedule, ..Hyperparameters::default() };
//! let mut val_losses = Vec::new();
//! Plain::new(&gpt).train(&settings, [&data, &data], &mut weights, |report| {
//!     if let Report::Evaluation { validation, .. } = report {
//!         val_losses.push(validation);
//!     }
//! });
//! // Before: both tokens are equally likely. After: 1 follows 0, and 0 follows 1.
//! assert!((val_losses[0] - 2f64.ln()).abs() < 0.1 && val_losses[1] < 0.05);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//! What this file leaves out: checkpoints and what a run prints ([`cli`](crate::cli)), and
//! threads ([`trainer`](crate::trainer)).

use stage01_bigram::Float;
use stage01_bigram::dataset::Dataset;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::Params;

use super::layers::cross_entropy;
use super::{Batch, Optimiser, Plain};
use crate::adamw::AdamW;
use crate::schedule::Schedule;

/// The hyperparameters of a run, under nanoGPT's names.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyperparameters {
    /// How many sequences a micro-batch has.
    pub batch_size: usize,
    /// How many micro-batches make one step; their gradients are averaged.
    pub gradient_accumulation_steps: usize,
    /// How many steps the run has.
    pub max_iters: usize,
    /// The learning rate over time: warm-up, then cosine decay.
    pub schedule: Schedule,
    /// The optimiser.
    pub adamw: AdamW,
    /// After how many steps the model is evaluated; 0: only before the first and after the last.
    pub eval_interval: usize,
    /// How many batches an evaluation takes.
    pub eval_iters: usize,
    /// The random seed: of the batches and of the dropout masks.
    pub seed: u64,
}

impl Default for Hyperparameters {
    /// Those of the default run, which takes three minutes with the fast model.
    fn default() -> Self {
        Hyperparameters {
            batch_size: 12,
            gradient_accumulation_steps: 1,
            max_iters: 4500,
            schedule: Schedule {
                learning_rate: 3e-3,
                min_lr: 3e-4,
                warmup_iters: 100,
                lr_decay_iters: 4500,
            },
            adamw: AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 },
            eval_interval: 450,
            eval_iters: 20,
            seed: 1337,
        }
    }
}

/// What a run reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Report {
    /// A step was taken.
    Step {
        /// Its number, counted from 0.
        iter: usize,
        /// The mean loss over its batch before the step, in nats per token.
        loss: f64,
        /// Its learning rate.
        lr: f64,
    },
    /// The model was evaluated, in nats per token.
    Evaluation {
        /// How many steps were taken before.
        iter: usize,
        /// The mean loss over random batches of the training set.
        train: f64,
        /// The same of the validation set.
        validation: f64,
    },
}

impl<T: Float> Plain<'_, T> {
    /// Trains the weights on the first data set; evaluates on both.
    ///
    /// # Panics
    /// When a data set is not longer than a sequence, or has a token that is not in the
    /// vocabulary.
    // ANCHOR: train
    pub fn train(
        &self,
        settings: &Hyperparameters,
        data: [&Dataset; 2],
        weights: &mut Params<T>,
        mut report: impl FnMut(Report),
    ) {
        let mut optimiser = Optimiser::new(settings.adamw, self.gpt.layout());
        let n = settings.gradient_accumulation_steps;
        for iter in 0..settings.max_iters {
            if iter.is_multiple_of(settings.eval_interval) {
                report(self.evaluate(settings, data, weights, iter));
            }
            let micro_batches =
                (iter * n..(iter + 1) * n).map(|i| self.batch(settings, data[0], i));
            let lr = settings.schedule.at(iter);
            let loss = self.step(micro_batches.collect(), lr, &mut optimiser, weights);
            report(Report::Step { iter, loss, lr });
        }
        report(self.evaluate(settings, data, weights, settings.max_iters));
    }
    // ANCHOR_END: train

    /// One training step over some micro-batches. Returns the mean loss before it.
    // ANCHOR: step
    pub fn step(
        &self,
        micro_batches: Vec<Batch>,
        lr: f64,
        optimiser: &mut Optimiser<T>,
        weights: &mut Params<T>,
    ) -> f64 {
        let mut grads = Params::zeros(self.gpt.layout());
        let (mut loss, scale) = (0.0, 1.0 / micro_batches.len() as f64);
        for batch in &micro_batches {
            let acts = self.forward(weights, &batch.tokens, &batch.rngs);
            loss += scale * self.backward(weights, batch, &acts, scale, &mut grads);
        }
        optimiser.clip(&mut grads);
        optimiser.step(lr, weights, &grads);
        loss
    }
    // ANCHOR_END: step

    /// Micro-batch `i` of a run: random windows of the text, with the targets one token later.
    // ANCHOR: batch
    fn batch(&self, settings: &Hyperparameters, data: &Dataset, i: usize) -> Batch {
        let &Hyperparameters { batch_size, seed, .. } = settings;
        let (mut tokens, mut targets) = (Vec::new(), Vec::new());
        let mut rng = generator(seed, Purpose::Batch, i as u64);
        data.sample_batch(batch_size, self.length, &mut rng, &mut tokens, &mut targets);
        let sequences = i * batch_size..(i + 1) * batch_size;
        let rngs = sequences.map(|b| generator(seed, Purpose::Dropout, b as u64)).collect();
        Batch { tokens, targets, rngs }
    }
    // ANCHOR_END: batch

    /// The mean loss over the same random batches every time, of both data sets, without dropout.
    // ANCHOR: evaluate
    fn evaluate(
        &self,
        settings: &Hyperparameters,
        data: [&Dataset; 2],
        weights: &Params<T>,
        iter: usize,
    ) -> Report {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let [train, validation] = [0, 1].map(|i| {
            let mut rng = generator(settings.seed, Purpose::Evaluation, i as u64);
            let losses = (0..settings.eval_iters).map(|_| {
                data[i].sample_batch(settings.batch_size, self.length, &mut rng, &mut x, &mut y);
                let acts = self.forward(weights, &x, &[]);
                cross_entropy(&acts.logits, &y, T::one()).0 / y.len() as f64
            });
            losses.sum::<f64>() / settings.eval_iters as f64
        });
        Report::Evaluation { iter, train, validation }
    }
    // ANCHOR_END: evaluate
}
