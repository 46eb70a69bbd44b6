//! The display of a run: a bar and a table on the screen, the metrics log, and the report.
//!
//! The loop calls it after each step and each evaluation ([`Callback`]); nothing here changes the
//! training.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use stage01_bigram::Result;
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::Tokenizer;
use stage03_gpt::cli::introduction::Reference;
use stage03_gpt::cli::screen::{Screen, width};
use stage03_gpt::cli::{curve, stop};
use stage03_gpt::files::metrics_log::{LogEntry, MetricsLog};
use stage03_gpt::model;
use stage03_gpt::trainer::Step;

use super::table::Row;
use crate::report::{self, Report, State};
use crate::trainer::{Callback, Evaluation, ShardTraining};

/// The screen, the log and the report of a run.
pub struct Watch {
    /// The screen.
    pub screen: Screen,
    /// The log.
    pub log: MetricsLog,
    /// The report page, without the log.
    pub report: Report,
    /// The tokenizer of the samples.
    pub tokenizer: Tokenizer,
    /// The directory of the run.
    pub directory: PathBuf,
    /// The reference losses, horizontal lines of the curve.
    pub references: Vec<Reference>,
    /// The number of steps of the run.
    pub max_iters: usize,
    /// The mean number of bytes per token.
    pub bytes_per_token: f64,
    /// The peak FLOP/s of the device in matrix products, if known.
    pub peak_flops: Option<f64>,
    /// Whether it comes from the backend, and so can be measured again.
    pub measures_peak: bool,
    /// The displayed speed is the mean since this time and step.
    since: (Instant, usize),
    /// The time and the step at which this process began to train.
    begin: (Instant, usize),
    /// An evaluation that is logged with the next step, and further fields of that entry.
    pending: Option<(Evaluation, Map<String, Value>)>,
}

impl Watch {
    /// The display of a run.
    pub fn new(
        run: &ShardTraining,
        (screen, log, report): (Screen, MetricsLog, Report),
        tokenizer: Tokenizer,
        directory: &Path,
        references: Vec<Reference>,
        max_iters: usize,
        bytes_per_token: f64,
        (peak_flops, measures_peak): (Option<f64>, bool),
    ) -> Watch {
        let now = (Instant::now(), run.backend.iter());
        let directory = directory.to_path_buf();
        Watch {
            screen,
            log,
            report,
            tokenizer,
            directory,
            references,
            max_iters,
            bytes_per_token,
            peak_flops,
            measures_peak,
            since: now,
            begin: now,
            pending: None,
        }
    }

    // ANCHOR: utilisation
    /// Model FLOPs utilisation (MFU): the fraction of the peak FLOP/s at this many tokens per
    /// second.
    fn utilisation(&self, run: &ShardTraining, tokens_per_second: f64) -> Option<f64> {
        let flops = run.backend.gpt().config().flops_per_token();
        self.peak_flops.map(|peak| flops * tokens_per_second / peak)
    }
    // ANCHOR_END: utilisation

    /// Tokens per second since a time at which `iter` steps had been taken.
    fn rate(run: &ShardTraining, (time, iter): (Instant, usize)) -> Option<f64> {
        let steps = run.backend.iter().saturating_sub(iter);
        let tokens = steps as f64 * run.tokens_per_step() as f64;
        (steps > 0).then(|| tokens / time.elapsed().as_secs_f64())
    }

    /// A sample of the model's present weights.
    pub fn sample(&self, run: &mut ShardTraining, tokens: usize) -> Result<String> {
        let (gpt, seed) = (run.backend.gpt().clone(), run.backend.settings().seed);
        let (weights, _) = run.backend.state()?;
        // If the vocabulary has no line break, the prompt is its first token.
        model::sample(&gpt, weights, &self.tokenizer, 0, tokens, seed)
    }

    /// Logs the last evaluation, if no step came after it.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write_pending(&mut self, iter: usize) -> Result<()> {
        if let Some((evaluation, more)) = self.pending.take() {
            self.log.write_with(&LogEntry::evaluation(iter, &evaluation), more)?;
        }
        Ok(())
    }

    /// Writes the page, with an evaluation that is not in the log yet.
    fn write_report(&self, iter: usize, state: State) -> Result<()> {
        let mut lines = report::read_log(&self.directory);
        if let Some((evaluation, more)) = &self.pending {
            let mut line = more.clone();
            line.insert("iter".into(), json!(iter));
            line.insert("val_loss".into(), json!(evaluation.validation));
            line.insert("eval_train_loss".into(), json!(evaluation.train));
            line.insert("elapsed_s".into(), json!(self.log.elapsed()));
            lines.extend(serde_json::from_value(Value::Object(line)));
        }
        self.report.write(&self.directory, &lines, iter, state)
    }

    /// Brings the log to the disk, and draws the curve.
    fn sync(&mut self) -> Result<()> {
        self.log.sync()?;
        curve::draw(&self.directory, self.log.entries(), &self.references).map(drop)
    }

    /// Writes the page for the last time.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn end_report(&mut self, iter: usize, state: State) -> Result<()> {
        self.sync()?;
        self.write_report(iter, state)
    }
}

impl Callback<ShardTraining<'_>> for Watch {
    fn wants_to_stop(&self) -> bool {
        stop::asked() || self.screen.is_gone()
    }

    fn saved(&mut self, run: &mut ShardTraining, evaluation: Option<&Evaluation>) -> Result<()> {
        let Some(evaluation) = evaluation else { return Ok(()) };
        let iter = run.backend.iter();
        let tokens_per_second = Watch::rate(run, self.since);
        let mut utilisation = tokens_per_second.and_then(|rate| self.utilisation(run, rate));
        if utilisation.is_some_and(|mfu| mfu > 1.0) && self.measures_peak {
            // Other programs ran while the device was measured: measure again.
            let again = run.backend.peak_flops().unwrap_or_default();
            self.peak_flops = self.peak_flops.map(|peak| peak.max(again));
            utilisation = tokens_per_second.and_then(|rate| self.utilisation(run, rate));
        }
        // Includes the time for evaluating and saving.
        let left = Watch::rate(run, self.begin).map(|rate| {
            let tokens = run.tokens_per_step() as f64;
            self.max_iters.saturating_sub(iter) as f64 * tokens / rate
        });
        let memory = run.backend.memory();
        let settings = run.backend.settings();
        let row = Row {
            iter,
            train: evaluation.train,
            validation: evaluation.validation,
            bytes_per_token: self.bytes_per_token,
            lr: settings.schedule.at(iter.min(self.max_iters.saturating_sub(1))),
            tokens_per_second,
            utilisation,
            memory,
            elapsed: self.log.elapsed(),
            left,
        };
        self.screen.line(row.text(width()));
        let mut more = Map::new();
        more.insert("position".into(), json!(run.position));
        more.extend(memory.map(|bytes| ("memory_bytes".into(), json!(bytes))));
        more.extend(left.map(|seconds| ("left_s".into(), json!(seconds.round()))));
        if iter > 0 {
            let text = self.sample(run, 100)?;
            if iter < self.max_iters {
                let line = text.trim().replace('\n', " / ");
                let lines = wrap(&line, width(), "       ");
                self.screen.line(lines.lines().take(2).collect::<Vec<_>>().join("\n"));
            }
            more.insert("sample".into(), json!(text));
        }
        self.pending = Some((*evaluation, more));
        self.sync()?;
        self.write_report(iter, State::Running { left })?;
        self.since = (Instant::now(), iter);
        Ok(())
    }

    fn stepped(&mut self, run: &ShardTraining, step: &Step, time: Duration) -> Result<()> {
        let speed = run.tokens_per_step() as f64 / time.as_secs_f64();
        let mut entry = LogEntry::step(step, speed);
        let mut more = Map::new();
        if let Some((evaluation, seen)) = self.pending.take() {
            entry = entry.with_evaluation(&evaluation);
            more = seen;
        }
        let utilisation = self.utilisation(run, speed);
        more.extend(utilisation.map(|mfu| ("mfu".into(), json!((1e4 * mfu).round() / 1e4))));
        self.log.write_with(&entry, more)?;
        self.screen.progress(run.backend.iter(), || {
            let rate = Watch::rate(run, self.since).unwrap_or(speed);
            let mfu = self.utilisation(run, rate);
            let mfu = mfu.map_or(String::new(), |mfu| format!("{:.0} % · ", 100.0 * mfu));
            format!("loss {:.2} · {} tok/s · {mfu}", step.loss, thousands(rate as usize))
        });
        Ok(())
    }
}
