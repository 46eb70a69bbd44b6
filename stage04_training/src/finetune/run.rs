//! A model in fine-tuning, for the training loop of stage 3.
//!
//! ```text
//!   examples ──packed rows──> batch ──accumulate──> gradient ──step──> adapters, or all weights
//! ```
//!
//! The loop is [`train`](stage03_gpt::training::train), as for a new model. What differs: the targets
//! of a step are counted before its first micro-batch, because the loss is their mean; and an
//! evaluation has three losses: on examples that are learned, on examples that are held out, and, where
//! there is one, on a text such as the model knew before, which shows what it forgets.
//!
//! The only state is the number of steps: it says which batches come next.

use serde_json::{Value, json};
use stage01_bigram::loss::IGNORED;
use stage01_bigram::{Error, Result};
use stage03_gpt::masked_loss;
use stage03_gpt::trainer::{PackedBatch, Step};
use stage03_gpt::training::{Evaluation, Training};

use super::batches::{Batch, Batches};
use super::pairs::{PairBatch, PairBatches};
use crate::backend::Backend;

/// The examples of a run.
#[derive(Debug)]
pub struct FinetuneBatches {
    /// What is learned.
    pub train: Batches,
    /// What is held out.
    pub held_out: Batches,
    /// Text such as the model knew before, that is not learned either.
    pub old: Option<Batches>,
    /// Pairs of answers that are learned, and pairs that are held out, where preferences are learned.
    /// The examples above are then their chosen answers.
    pub pairs: Option<[PairBatches; 2]>,
}

/// One micro-batch.
enum MicroBatch {
    Answers(Batch),
    Pairs(PairBatch),
}

impl MicroBatch {
    /// How many parts its loss is a sum of: targets, or pairs.
    fn count(&self) -> usize {
        match self {
            MicroBatch::Answers(batch) => masked_loss::count(&batch.targets),
            MicroBatch::Pairs(batch) => batch.pairs,
        }
    }
}

impl FinetuneBatches {
    /// What the steps learn from: the pairs, where there are pairs.
    pub fn learned(&self) -> &Batches {
        self.pairs.as_ref().map_or(&self.train, |[train, _]| &train.batches)
    }

    /// How many micro-batches an epoch has.
    pub fn per_epoch(&self) -> u64 {
        self.learned().per_epoch()
    }

    /// The micro-batch of this number, from 0.
    fn micro_batch(&self, number: u64) -> MicroBatch {
        match &self.pairs {
            None => MicroBatch::Answers(self.train.at(number)),
            Some([train, _]) => MicroBatch::Pairs(train.at(number)),
        }
    }

    /// What all batches depend on, as checksums.
    pub fn identity(&self) -> Value {
        let sum = |batches: &Batches| format!("{:016x}", batches.fingerprint());
        json!({
            "train": sum(&self.train),
            "held_out": sum(&self.held_out),
            "old": self.old.as_ref().map(sum),
            "pairs": self.pairs.as_ref().map(|pairs| pairs.each_ref().map(|p| sum(&p.batches))),
        })
    }
}

/// A model in fine-tuning, and its examples.
pub struct FinetuneTraining {
    /// Does the arithmetic.
    pub backend: Box<dyn Backend>,
    /// The examples.
    pub batches: FinetuneBatches,
    /// The lowest loss on held-out examples so far, in nats per token.
    pub best: f64,
    /// The last loss on the old text.
    pub old_loss: Option<f64>,
    /// The last mean margin of held-out pairs, and the fraction of them that is above 0.
    pub margin: Option<(f64, f64)>,
    current: Option<MicroBatch>,
    /// How many micro-batches of the present step were prepared.
    prepared: usize,
    /// What all micro-batches of the present step count, targets or pairs.
    count_of_step: usize,
}

impl FinetuneTraining {
    /// A run before its first step.
    pub fn new(backend: Box<dyn Backend>, batches: FinetuneBatches) -> Self {
        FinetuneTraining {
            backend,
            batches,
            best: f64::INFINITY,
            old_loss: None,
            margin: None,
            current: None,
            prepared: 0,
            count_of_step: 0,
        }
    }

    /// The number of tokens per step, with those that are not learned.
    pub fn tokens_per_step(&self) -> usize {
        self.backend.settings().tokens_per_step(self.batches.train.block_size())
    }

    /// How many epochs the steps so far were.
    pub fn epochs(&self) -> f64 {
        let accumulation = self.backend.settings().gradient_accumulation_steps as f64;
        self.backend.iter() as f64 * accumulation / self.batches.per_epoch() as f64
    }

    /// Lets the present model be the reference for all pairs, if there are any.
    ///
    /// # Errors
    /// When the device fails.
    pub fn refer_to_present(&mut self) -> Result<()> {
        for pairs in self.batches.pairs.iter_mut().flatten() {
            pairs.refer_to(&mut *self.backend)?;
        }
        Ok(())
    }
}

/// The mean loss over the first epoch, or its first `most` batches, and its number of targets.
fn mean_loss(backend: &mut dyn Backend, batches: &Batches, most: u64) -> Result<(f64, usize)> {
    let (mut sum, mut targets) = (0.0, 0);
    for number in 0..batches.per_epoch().min(most) {
        let batch = batches.at(number);
        sum += backend.evaluate_packed(&packed(&batch, 1))?;
        targets += masked_loss::count(&batch.targets);
    }
    let loss = sum / targets.max(1) as f64;
    if loss.is_finite() { Ok((loss, targets)) } else { Err(Error::diverged(backend.iter(), loss)) }
}

fn packed(batch: &Batch, targets_of_step: usize) -> PackedBatch<'_> {
    let Batch { inputs, targets, documents } = batch;
    PackedBatch { inputs, targets, documents, targets_of_step }
}

impl Training for FinetuneTraining {
    fn iter(&self) -> usize {
        self.backend.iter()
    }

    fn micro_batches(&self) -> usize {
        self.backend.settings().gradient_accumulation_steps
    }

    /// Makes one micro-batch at a time, so that a step may have many: the first is preceded by
    /// counting them all.
    fn next_batch(&mut self) -> Result<()> {
        let settings = self.backend.settings();
        let of_step = settings.gradient_accumulation_steps;
        let number = |accumulated| settings.micro_batch_number(self.backend.iter(), accumulated);
        let micro_batch = |number| self.batches.micro_batch(number);
        if self.prepared == 0 {
            let numbers = number(0)..number(0) + of_step as u64;
            self.count_of_step = numbers.map(|number| micro_batch(number).count()).sum();
        }
        self.current = Some(micro_batch(number(self.prepared)));
        self.prepared = (self.prepared + 1) % of_step;
        Ok(())
    }

    fn forward_backward(&mut self) -> Result<()> {
        match self.current.as_ref().expect("next_batch comes first") {
            MicroBatch::Answers(batch) => {
                self.backend.accumulate_packed(&packed(batch, self.count_of_step))
            }
            MicroBatch::Pairs(batch) => {
                self.backend.accumulate_preferences(&batch.for_step(self.count_of_step)).map(drop)
            }
        }
    }

    fn update(&mut self) -> Result<Step> {
        self.backend.step()
    }

    fn evaluate(&mut self, batches: usize) -> Result<Evaluation> {
        let (backend, data) = (&mut *self.backend, &self.batches);
        let (train, validation) = match &data.pairs {
            None => {
                let (train, _) = mean_loss(backend, &data.train, batches as u64)?;
                (train, mean_loss(backend, &data.held_out, u64::MAX)?.0)
            }
            Some([train, held_out]) => {
                let (train, ..) = train.measure(backend, batches as u64)?.means();
                let (loss, margin, right) = held_out.measure(backend, u64::MAX)?.means();
                self.margin = Some((margin, right));
                (train, loss)
            }
        };
        if !(train.is_finite() && validation.is_finite()) {
            return Err(Error::diverged(backend.iter(), train + validation));
        }
        let old = data.old.as_ref().map(|old| mean_loss(backend, old, u64::MAX));
        self.old_loss = old.transpose()?.map(|(loss, _)| loss);
        let best = validation < self.best;
        self.best = self.best.min(validation);
        Ok(Evaluation { train, validation, best })
    }

    /// Fails if the loss is NaN or infinite, so that such weights are not saved.
    fn check(&mut self) -> Result<()> {
        mean_loss(&mut *self.backend, &self.batches.train, 1).map(drop)
    }
}

/// Checks that every token is in the vocabulary: another one is a bug, or files that do not belong
/// together.
///
/// # Errors
/// [`Error::UnknownToken`].
pub fn check_vocabulary(batches: &Batches, vocab_size: usize) -> Result<()> {
    let tokens = batches.examples().iter().flat_map(|example| &example.tokens);
    match tokens.copied().find(|&token| token as usize >= vocab_size || token == IGNORED) {
        Some(token) => Err(Error::UnknownToken { token, vocab_size }),
        None => Ok(()),
    }
}
