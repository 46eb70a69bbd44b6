//! The training loop: evaluate, save, take a step, until the end.
//!
//! ```text
//!   ┌─> next_batch ─> forward_backward ─┐      once per micro-batch
//!   └───────────────────────────────────┘
//!            update: clip, AdamW ──> callback.stepped
//!            every eval_interval steps: evaluate ──> callback.evaluated ──> save
//! ```
//!
//! One loop serves both programs. [`Training`] is what it drives: a model with its data, such as
//! [`TextTraining`](crate::text_training::TextTraining) on a text in memory, or stage 4's
//! `ShardTraining` on files of tokens, perhaps on a GPU. A [`Callback`] observes it: a screen, a
//! metrics log, or nothing (`()`). [`Checkpoints`] saves it; `()` does not save.
//!
//! ```
//! use stage03_gpt::trainer::Step;
//! use stage03_gpt::training::{Ending, Evaluation, LoopConfig, Training, train};
//! use stage01_bigram::Result;
//!
//! /// Halves its loss with every step.
//! struct Halving(usize);
//! impl Training for Halving {
//!     fn iter(&self) -> usize { self.0 }
//!     fn micro_batches(&self) -> usize { 1 }
//!     fn next_batch(&mut self) -> Result<()> { Ok(()) }
//!     fn forward_backward(&mut self) -> Result<()> { Ok(()) }
//!     fn update(&mut self) -> Result<Step> {
//!         self.0 += 1;
//!         Ok(Step { iter: self.0 - 1, loss: 0.5f64.powi(self.0 as i32), lr: 1e-3, grad_norm: 1.0 })
//!     }
//!     fn evaluate(&mut self, _batches: usize) -> Result<Evaluation> {
//!         let loss = 0.5f64.powi(self.0 as i32);
//!         Ok(Evaluation { train: loss, validation: loss, best: true })
//!     }
//! }
//!
//! let mut run = Halving(0);
//! let ending = train(&mut run, &LoopConfig::steps(10), &(), &mut ()).unwrap();
//! assert_eq!((ending, run.iter()), (Ending::Finished, 10));
//! ```
//!
//! What this file leaves out: the arithmetic of a step ([`trainer`](crate::trainer)), the files
//! of a checkpoint ([`files`](crate::files)), and what is printed (`cli::train`).

use std::time::{Duration, Instant};

use stage01_bigram::Result;

use crate::trainer::Step;

/// When a run is evaluated, when it is saved, and when it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopConfig {
    /// How many steps the run has.
    pub max_iters: usize,
    /// After how many steps the model is evaluated and saved.
    pub eval_interval: usize,
    /// The number of batches of each part of the data in an evaluation.
    pub eval_iters: usize,
    /// After how many steps the run is saved as well, if any.
    pub save_interval: Option<usize>,
    /// After how much time since the last save the run is saved as well.
    pub save_after: Duration,
}

impl LoopConfig {
    /// A run of `max_iters` steps that is evaluated, on 20 batches, and saved ten times.
    pub fn steps(max_iters: usize) -> Self {
        LoopConfig {
            max_iters,
            eval_interval: max_iters.div_ceil(10).max(1),
            eval_iters: 20,
            save_interval: None,
            save_after: Duration::MAX,
        }
    }

    /// Whether a run is saved before step `iter`, this long after the last save.
    fn save_is_due(&self, iter: usize, since: Duration) -> bool {
        let interval = self.save_interval.is_some_and(|steps| iter.is_multiple_of(steps));
        interval || since >= self.save_after
    }
}

/// The mean losses over some batches of both parts of the data, in nats per token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// On the training set.
    pub train: f64,
    /// On the validation set.
    pub validation: f64,
    /// Whether this is the lowest validation loss so far.
    pub best: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After its last step.
    Finished,
    /// Because the callback asked for it.
    Stopped,
}

/// A model in training, with its data.
pub trait Training {
    /// How many steps have been taken.
    fn iter(&self) -> usize;

    /// How many micro-batches make one step; their gradients are averaged.
    fn micro_batches(&self) -> usize;

    /// Loads the next micro-batch of the training set.
    ///
    /// # Errors
    /// When the data cannot be read or does not fit the model.
    fn next_batch(&mut self) -> Result<()>;

    /// Forward and backward pass of that micro-batch: accumulates its gradient.
    ///
    /// # Errors
    /// When the device fails, for example when its memory is full.
    fn forward_backward(&mut self) -> Result<()>;

    /// Clips the accumulated gradient, and takes a step of the optimiser.
    ///
    /// # Errors
    /// [`Error::Diverged`](stage01_bigram::Error::Diverged) when the loss or the gradient is NaN
    /// or infinite. The weights are then as they were before.
    fn update(&mut self) -> Result<Step>;

    /// The mean losses over the same batches every time, with dropout off.
    ///
    /// # Errors
    /// [`Error::Diverged`](stage01_bigram::Error::Diverged) when one is NaN or infinite, so that
    /// such a model is never saved.
    fn evaluate(&mut self, batches: usize) -> Result<Evaluation>;

    /// Checks the model before it is saved without an evaluation.
    ///
    /// # Errors
    /// [`Error::Diverged`](stage01_bigram::Error::Diverged) when it must not be saved.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    /// One step: forward and backward pass of each micro-batch, then the update.
    ///
    /// # Errors
    /// Those of its parts.
    // ANCHOR: step
    fn step(&mut self) -> Result<Step> {
        for _ in 0..self.micro_batches() {
            self.next_batch()?;
            self.forward_backward()?;
        }
        self.update()
    }
    // ANCHOR_END: step
}

/// Saves a run.
pub trait Checkpoints<R> {
    /// Saves the run as it is now. best: whether its evaluation is the best so far.
    ///
    /// # Errors
    /// When it cannot be written, or a weight is NaN. What was saved before is then untouched.
    fn save(&self, run: &mut R, best: bool) -> Result<()>;
}

/// Does not save.
impl<R> Checkpoints<R> for () {
    fn save(&self, _run: &mut R, _best: bool) -> Result<()> {
        Ok(())
    }
}

/// Observes a run, and may ask it to stop. An error of any method ends the run.
#[allow(unused_variables, reason = "a callback uses what it needs")]
pub trait Callback<R> {
    /// Whether the run is to end before its next step.
    fn wants_to_stop(&self) -> bool {
        false
    }

    /// The model was evaluated, and will be saved next.
    ///
    /// # Errors
    /// Any error ends the run.
    fn evaluated(&mut self, run: &mut R, evaluation: &Evaluation) -> Result<()> {
        Ok(())
    }

    /// The run was saved: after this evaluation, or without one.
    ///
    /// # Errors
    /// Any error ends the run.
    fn saved(&mut self, run: &mut R, evaluation: Option<&Evaluation>) -> Result<()> {
        Ok(())
    }

    /// A step was taken, in this time.
    ///
    /// # Errors
    /// Any error ends the run.
    fn stepped(&mut self, run: &R, step: &Step, time: Duration) -> Result<()> {
        Ok(())
    }
}

/// Observes nothing.
impl<R> Callback<R> for () {}

/// Trains until the last step, or until the callback asks to stop. Either way the last state is
/// saved.
///
/// # Errors
/// [`Error::Diverged`](stage01_bigram::Error::Diverged) when a loss is NaN or infinite, and those
/// of the run, the checkpoints and the callback. The last good checkpoint is then as it was.
// ANCHOR: train
pub fn train<R: Training>(
    run: &mut R,
    config: &LoopConfig,
    checkpoints: &impl Checkpoints<R>,
    callback: &mut impl Callback<R>,
) -> Result<Ending> {
    let mut last_save = Instant::now();
    loop {
        let iter = run.iter();
        let (stop, finished) = (callback.wants_to_stop(), iter >= config.max_iters);
        if !stop && (finished || iter.is_multiple_of(config.eval_interval)) {
            let evaluation = run.evaluate(config.eval_iters)?; // a NaN ends the run here
            callback.evaluated(run, &evaluation)?;
            checkpoints.save(run, evaluation.best)?;
            last_save = Instant::now();
            callback.saved(run, Some(&evaluation))?;
        } else if stop || config.save_is_due(iter, last_save.elapsed()) {
            run.check()?;
            checkpoints.save(run, false)?;
            last_save = Instant::now();
            callback.saved(run, None)?;
        }
        if stop {
            return Ok(Ending::Stopped);
        }
        if finished {
            return Ok(Ending::Finished);
        }
        let start = Instant::now();
        let step = run.step()?;
        callback.stepped(run, &step, start.elapsed())?;
    }
}
// ANCHOR_END: train

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::Error;
    use std::cell::RefCell;

    /// A mock that records the calls of its methods.
    #[derive(Default)]
    struct Script {
        iter: usize,
        calls: Vec<String>,
        /// Before which step the evaluation is NaN.
        diverges: Option<usize>,
    }

    impl Training for Script {
        fn iter(&self) -> usize {
            self.iter
        }
        fn micro_batches(&self) -> usize {
            2
        }
        fn next_batch(&mut self) -> Result<()> {
            self.calls.push("batch".into());
            Ok(())
        }
        fn forward_backward(&mut self) -> Result<()> {
            self.calls.push("backward".into());
            Ok(())
        }
        fn update(&mut self) -> Result<Step> {
            self.calls.push("update".into());
            self.iter += 1;
            Ok(Step { iter: self.iter - 1, loss: 1.0, lr: 0.1, grad_norm: 1.0 })
        }
        fn evaluate(&mut self, batches: usize) -> Result<Evaluation> {
            if self.diverges == Some(self.iter) {
                return Err(Error::diverged(self.iter, f64::NAN));
            }
            self.calls.push(format!("evaluate {batches}"));
            Ok(Evaluation { train: 1.0, validation: 1.0, best: self.iter == 0 })
        }
        fn check(&mut self) -> Result<()> {
            self.calls.push("check".into());
            Ok(())
        }
    }

    /// The step before each save, and whether it was the best.
    #[derive(Default)]
    struct Saves(RefCell<Vec<(usize, bool)>>);
    impl Checkpoints<Script> for Saves {
        fn save(&self, run: &mut Script, best: bool) -> Result<()> {
            run.calls.push("save".into());
            self.0.borrow_mut().push((run.iter, best));
            Ok(())
        }
    }

    /// Asks to stop after this many steps.
    struct Until(usize);
    impl Callback<Script> for Until {
        fn wants_to_stop(&self) -> bool {
            self.0 == 0
        }
        fn evaluated(&mut self, run: &mut Script, _: &Evaluation) -> Result<()> {
            run.calls.push("evaluated".into());
            Ok(())
        }
        fn saved(&mut self, run: &mut Script, evaluation: Option<&Evaluation>) -> Result<()> {
            run.calls.push(if evaluation.is_some() { "saved" } else { "saved between" }.into());
            Ok(())
        }
        fn stepped(&mut self, _: &Script, step: &Step, _: Duration) -> Result<()> {
            assert!(step.loss > 0.0);
            self.0 -= 1;
            Ok(())
        }
    }

    fn config(max_iters: usize) -> LoopConfig {
        LoopConfig { eval_interval: 100, eval_iters: 3, ..LoopConfig::steps(max_iters) }
    }

    #[test]
    fn everything_happens_in_its_order() {
        let mut run = Script::default();
        let ending = train(&mut run, &config(1), &Saves::default(), &mut Until(9)).unwrap();
        assert_eq!(ending, Ending::Finished);
        let evaluation = ["evaluate 3", "evaluated", "save", "saved"];
        let step = ["batch", "backward", "batch", "backward", "update"];
        assert_eq!(run.calls, [&evaluation[..], &step, &evaluation].concat());
    }

    #[test]
    fn a_run_that_is_asked_to_stop_ends_after_its_step_and_is_saved_without_an_evaluation() {
        let (mut run, saves) = (Script::default(), Saves::default());
        assert_eq!(train(&mut run, &config(9), &saves, &mut Until(2)).unwrap(), Ending::Stopped);
        assert_eq!(*saves.0.borrow(), [(0, true), (2, false)]);
        assert_eq!(run.calls[run.calls.len() - 3..], ["check", "save", "saved between"]);
    }

    #[test]
    fn it_saves_at_its_intervals_and_never_after_a_nan() {
        let saved = |config: &LoopConfig, diverges| {
            let (mut run, saves) = (Script { diverges, ..Script::default() }, Saves::default());
            let ending = train(&mut run, config, &saves, &mut ());
            assert_eq!(ending.is_err(), diverges.is_some());
            saves.0.into_inner().into_iter().map(|(iter, _)| iter).collect::<Vec<_>>()
        };
        assert_eq!(saved(&config(5), None), [0, 5]);
        assert_eq!(saved(&LoopConfig { eval_interval: 2, ..config(5) }, None), [0, 2, 4, 5]);
        assert_eq!(saved(&LoopConfig { eval_interval: 2, ..config(5) }, Some(4)), [0, 2]);
        assert_eq!(saved(&LoopConfig { save_interval: Some(2), ..config(5) }, None), [0, 2, 4, 5]);
        let always = LoopConfig { save_after: Duration::ZERO, ..config(3) };
        assert_eq!(saved(&always, None), [0, 1, 2, 3]);
    }
}
