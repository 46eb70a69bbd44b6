//! The training loop: bring batches, take steps, measure, save, until the end.
//!
//! ```text
//!   data ──window──> batch ──accumulate──> gradient ──step──> weights
//!          ^ position                                            │
//!          └───────────────── again ─────────────────────────────┘
//! ```
//!
//! It is the loop of stage 3 with three things changed. A [`Backend`] does the arithmetic. The
//! windows come from prepared data, shuffled, each once before any comes again; all there is to
//! remember of that is one number, the *position*, so a resumed run reads on where it stopped,
//! even with another batch size. And saving has a clock of its own, because where measurements
//! are hours apart, a crash must not cost hours.
//!
//! What this file leaves out: the files of a checkpoint ([`crate::checkpoint`]), and what a
//! user sees meanwhile, who is a [`Watcher`].

use std::time::{Duration, Instant};

use stage01_bigram::{Error, Result};
use stage03_gpt::config::GptConfig;
use stage03_gpt::trainer::{Settings, Step};

use crate::backend::Backend;
use crate::checkpoint::CheckpointManager;
use crate::shards::{Shards, Split, WindowSampler};

/// When to do what.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How many steps the run has.
    pub max_iters: usize,
    /// After how many steps the model is measured and saved.
    pub eval_interval: usize,
    /// How many batches of each part of the data make a measurement.
    pub eval_iters: usize,
    /// After how many steps the run is saved as well, if any.
    pub save_interval: Option<usize>,
    /// After how much time since the last save the run is saved as well.
    pub save_after: Duration,
}

impl Plan {
    /// Whether a run is saved before step `iter`, so much time after it was saved last.
    fn wants_to_save(&self, iter: usize, since: Duration) -> bool {
        let interval = self.save_interval.is_some_and(|steps| iter.is_multiple_of(steps));
        interval || since >= self.save_after
    }
}

/// The mean losses over some batches of both parts of the data, in nats per token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// On what is learned.
    pub train: f64,
    /// On what is only measured.
    pub validation: f64,
    /// Whether no validation loss before was lower.
    pub best: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After its last step.
    Finished,
    /// Because somebody asked for it.
    Stopped,
}

/// Somebody who looks on, and may ask the run to stop.
pub trait Watcher {
    /// Whether the run shall end before its next step.
    fn wants_to_stop(&self) -> bool {
        false
    }

    /// The model was measured.
    ///
    /// # Errors
    /// Whatever shall end the run.
    fn measured(&mut self, _run: &mut Trainer, _measurement: &Measurement) -> Result<()> {
        Ok(())
    }

    /// A step was taken, in this time.
    ///
    /// # Errors
    /// Whatever shall end the run.
    fn stepped(&mut self, _run: &Trainer, _step: &Step, _time: Duration) -> Result<()> {
        Ok(())
    }
}

/// A model in training, and its place in the data.
pub struct Trainer<'a> {
    /// Who does the arithmetic.
    pub backend: Box<dyn Backend>,
    /// How many windows of the data have been learned: the next batch begins with this one.
    pub position: u64,
    /// The lowest validation loss so far, in nats per token.
    pub best: f64,
    train: WindowSampler<'a>,
    /// The windows that measurements are made on, of both parts. Always the same ones.
    fixed: [WindowSampler<'a>; 2],
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

/// Names the windows of measurements. The seed of the run does not: runs with different seeds
/// are measured on the same windows, and can be compared.
const MEASURED: u64 = 0;

impl<'a> Trainer<'a> {
    /// A run before its first step.
    ///
    /// # Errors
    /// [`Error::Setting`] when a part of the data has not enough tokens for one window.
    pub fn new(backend: Box<dyn Backend>, data: &'a Shards) -> Result<Self> {
        let block_size = backend.gpt().config().block_size;
        let Settings { batch_size, seed, .. } = *backend.settings();
        let (train, validation) = (data.part(Split::Train), data.part(Split::Validation));
        let room = vec![0; batch_size * block_size];
        Ok(Trainer {
            train: train.sampler(block_size, seed)?,
            fixed: [
                train.sampler(block_size, MEASURED)?,
                validation.sampler(block_size, MEASURED)?,
            ],
            backend,
            position: 0,
            best: f64::INFINITY,
            inputs: room.clone(),
            targets: room,
        })
    }

    /// How many tokens one step reads.
    pub fn tokens_per_step(&self) -> usize {
        self.inputs.len().saturating_mul(self.backend.settings().gradient_accumulation_steps)
    }

    /// How many windows make one pass through the data.
    pub fn windows(&self) -> u64 {
        self.train.windows()
    }

    /// The loop, until the last step of the plan or until the watcher asks to stop. Either way
    /// the last state is saved.
    ///
    /// # Errors
    /// [`Error::Diverged`] when a loss is no longer a number, [`Error::File`] when the disk is
    /// full, and what the backend refuses. The last good checkpoint is then as it was.
    // ANCHOR: run
    pub fn run(
        &mut self,
        plan: &Plan,
        keeper: &CheckpointManager,
        watcher: &mut dyn Watcher,
    ) -> Result<Ending> {
        let mut saved = Instant::now();
        loop {
            let iter = self.backend.iter();
            let (stop, over) = (watcher.wants_to_stop(), iter >= plan.max_iters);
            if !stop && (over || iter.is_multiple_of(plan.eval_interval)) {
                let measurement = self.measure(plan.eval_iters)?;
                if measurement.best {
                    keeper.save_best(self)?;
                }
                keeper.save(self)?;
                saved = Instant::now();
                watcher.measured(self, &measurement)?;
            } else if stop || plan.wants_to_save(iter, saved.elapsed()) {
                self.mean_loss(Split::Train, 1)?; // weights that give no loss are not saved
                keeper.save(self)?;
                saved = Instant::now();
            }
            if stop {
                return Ok(Ending::Stopped);
            }
            if over {
                return Ok(Ending::Finished);
            }
            let began = Instant::now();
            let step = self.step()?;
            watcher.stepped(self, &step, began.elapsed())?;
        }
    }
    // ANCHOR_END: run

    /// One step: as many passes as the settings say, each over the next windows of the data.
    ///
    /// # Errors
    /// As [`Backend::step`], and [`Error::Text`] for a token that the model does not have.
    // ANCHOR: step
    pub fn step(&mut self) -> Result<Step> {
        let passes = self.backend.settings().gradient_accumulation_steps;
        for _ in 0..passes {
            let (config, x, y) = (self.backend.gpt().config(), &mut self.inputs, &mut self.targets);
            self.position = fill(&self.train, self.position, config, x, y)?;
            self.backend.accumulate(&self.inputs, &self.targets)?;
        }
        self.backend.step()
    }
    // ANCHOR_END: step

    /// The mean loss over the same windows every time, of both parts of the data.
    ///
    /// # Errors
    /// [`Error::Diverged`] when one is not a number, so that such a model is never saved.
    pub fn measure(&mut self, batches: usize) -> Result<Measurement> {
        let train = self.mean_loss(Split::Train, batches)?;
        let validation = self.mean_loss(Split::Validation, batches)?;
        let best = validation < self.best;
        self.best = self.best.min(validation);
        Ok(Measurement { train, validation, best })
    }

    /// The mean loss over all windows of the validation set, in nats per token, and how many
    /// tokens that were. Of a large part only the first `most` tokens in their shuffled order;
    /// and what does not fill a batch is left out.
    ///
    /// # Errors
    /// As [`Trainer::measure`].
    pub fn measure_all(&mut self, most: usize) -> Result<(f64, usize)> {
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

/// Fills a batch with the windows from a position on, and says where the next one begins.
///
/// inputs, targets: (batch_size, block_size), window after window.
fn fill(
    pass: &WindowSampler,
    mut position: u64,
    &GptConfig { block_size, vocab_size, .. }: &GptConfig,
    inputs: &mut [u32],
    targets: &mut [u32],
) -> Result<u64> {
    for (x, y) in inputs.chunks_mut(block_size).zip(targets.chunks_mut(block_size)) {
        pass.window(position, x, y)?;
        // A file of tokens has no check of its own in it, and a GPU would read past its tables.
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
