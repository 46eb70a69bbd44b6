//! The output of a run: a progress bar and a table on the screen, samples, the metrics log, and the
//! loss curve.
//!
//! It is a [`Callback`] of the training loop, and changes nothing of what the loop computes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use stage01_bigram::Result;
use stage01_bigram::loss::bits;
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::Tokenizer;

use super::introduction::Reference;
use super::screen::{Screen, width};
use super::{curve, stop};
use crate::files::metrics_log::{LogEntry, MetricsLog};
use crate::model;
use crate::text_training::TextTraining;
use crate::trainer::Step;
use crate::training::{Callback, Evaluation};
use crate::units::duration;

/// The screen, the log and the curve of a run.
pub struct Watch {
    /// The screen.
    pub screen: Screen,
    /// The directory of the run.
    pub directory: PathBuf,
    /// The reference losses: horizontal lines of the curve.
    pub references: Vec<Reference>,
    log: MetricsLog,
    tokenizer: Tokenizer,
    max_iters: usize,
    /// When the run was saved last, and its step then: the printed speed is the mean since.
    since: (Instant, usize),
    /// When the last step ended.
    last_step: Instant,
    /// An evaluation that is logged together with the next step.
    pending: Option<Evaluation>,
}

impl Watch {
    /// The callback of a run that has taken `iter` steps.
    pub fn new(
        log: MetricsLog,
        tokenizer: Tokenizer,
        directory: PathBuf,
        max_iters: usize,
        iter: usize,
    ) -> Watch {
        let (screen, references, now) = (Screen::new(), Vec::new(), Instant::now());
        Watch {
            screen,
            directory,
            references,
            log,
            tokenizer,
            max_iters,
            since: (now, iter),
            last_step: now,
            pending: None,
        }
    }

    /// The names of the columns.
    pub fn table_head() -> String {
        format!(
            "\n{:>7} {:>6} {:>6} {:>9} {:>7} {:>8}  {}",
            "step", "train", "val", "bits/byte", "lr", "tokens/s", "time"
        )
    }

    /// A short text by the model as it is now; empty where there is no memory for it, which is no
    /// reason to end the run.
    pub fn sample(&self, run: &TextTraining, tokens: usize) -> String {
        let (trainer, first) = (&run.trainer, run.data.train.tokens()[0]);
        let (weights, seed) = (&trainer.weights, trainer.settings().seed);
        let text = model::sample(trainer.gpt(), weights, &self.tokenizer, first, tokens, seed);
        text.unwrap_or_default()
    }

    /// Writes the last evaluation into the log, if no step followed it.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write_pending(&mut self, iter: usize) -> Result<()> {
        match self.pending.take() {
            Some(evaluation) => self.log.write(&LogEntry::evaluation(iter, &evaluation)),
            None => Ok(()),
        }
    }

    /// Flushes the log to the disk, and draws the curve.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn sync(&mut self) -> Result<PathBuf> {
        self.log.sync()?;
        curve::draw(&self.directory, self.log.entries(), &self.references)
    }

    /// Tokens per second of the steps since the last save.
    fn rate(&self, run: &TextTraining) -> Option<f64> {
        let (time, iter) = self.since;
        let (steps, tokens) = (run.trainer.iter.saturating_sub(iter), run.tokens_per_step());
        let seconds = self.last_step.duration_since(time).as_secs_f64();
        (steps > 0).then(|| steps as f64 * tokens as f64 / seconds)
    }
}

impl Callback<TextTraining> for Watch {
    fn wants_to_stop(&self) -> bool {
        stop::asked() || self.screen.is_gone()
    }

    /// Prints a line of the table, and a sample of the model.
    fn evaluated(&mut self, run: &mut TextTraining, evaluation: &Evaluation) -> Result<()> {
        let Evaluation { train, validation, .. } = *evaluation;
        let (trainer, iter) = (&run.trainer, run.trainer.iter);
        self.screen.line(format!(
            "{iter:>7} {train:6.3} {validation:6.3} {:9.3} {:>7.1e} {:>8}  {}",
            bits(validation) / run.data.bytes_per_token,
            trainer.settings().schedule.at(iter.min(self.max_iters.saturating_sub(1))),
            self.rate(run).map_or("-".to_string(), |rate| thousands(rate as usize)),
            duration(self.log.elapsed()),
        ));
        if iter == 0
            && let Some(warning) = first_loss_warning(train, trainer.gpt().config().vocab_size)
        {
            self.screen.line(wrap(&warning, width(), "         "));
        }
        if iter > 0 && iter < self.max_iters {
            let text = self.sample(run, 60).trim().replace('\n', " / ");
            let text: Vec<String> =
                wrap(&text, width(), "         ").lines().take(2).map(String::from).collect();
            self.screen.line(text.join("\n"));
        }
        self.pending = Some(*evaluation);
        Ok(())
    }

    fn saved(&mut self, run: &mut TextTraining, _: Option<&Evaluation>) -> Result<()> {
        self.sync()?;
        self.since = (Instant::now(), run.trainer.iter);
        Ok(())
    }

    fn stepped(&mut self, run: &TextTraining, step: &Step, time: Duration) -> Result<()> {
        self.last_step = Instant::now();
        let tokens_per_second = run.tokens_per_step() as f64 / time.as_secs_f64();
        let mut entry = LogEntry::step(step, tokens_per_second);
        if let Some(evaluation) = self.pending.take() {
            entry = entry.with_evaluation(&evaluation);
        }
        self.log.write(&entry)?;
        self.screen.progress(run.trainer.iter, || {
            let rate = self.rate(run).unwrap_or_default();
            format!("loss {:.2} · {} tok/s ·", step.loss, thousands(rate as usize))
        });
        Ok(())
    }
}

/// A warning when the first loss is far from that of the uniform baseline.
fn first_loss_warning(loss: f64, vocab_size: usize) -> Option<String> {
    let expected = (vocab_size as f64).ln();
    ((loss - expected).abs() > 0.1 * expected).then(|| {
        format!(
            "warning: the first loss is {loss:.2}, but an untrained model should have \
             ln({vocab_size}) = {expected:.2}. Far above: the initial weights are too large, so \
             the model is certain and wrong. Far below: it sees the token it is to predict, \
             through a missing mask or targets that are not shifted."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_loss_far_from_the_uniform_baseline_is_explained() {
        assert_eq!(first_loss_warning(4.2, 65), None);
        assert!(first_loss_warning(9.0, 65).unwrap().contains("ln(65) = 4.17"));
        assert!(first_loss_warning(1.0, 65).is_some());
    }
}
