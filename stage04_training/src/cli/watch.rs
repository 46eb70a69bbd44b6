//! What a user sees of a run: a bar and a table on the screen, the log, and the report.
//!
//! The loop tells of every step and every measurement ([`Watcher`]); nothing here changes what
//! it computes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::screen::{thousands, wrap};
use stage01_bigram::tokenizer::Tokenizer;
use stage03_gpt::cli::journal::{Entry, Journal};
use stage03_gpt::cli::screen::{Screen, width};
use stage03_gpt::cli::stop;
use stage03_gpt::generate::Decoder;
use stage03_gpt::trainer::Step;

use super::table::Row;
use crate::report::{self, Report, State};
use crate::trainer::{Measurement, Trainer, Watcher};

/// The screen, the log and the report of a run.
pub struct Watch {
    /// The screen.
    pub screen: Screen,
    /// The log.
    pub journal: Journal,
    /// The page, but for what happens from now on.
    pub report: Report,
    /// What the samples are read with.
    pub tokenizer: Tokenizer,
    /// The run's directory.
    pub directory: PathBuf,
    /// How many steps the run has.
    pub max_iters: usize,
    /// How many bytes of text a token stands for.
    pub bytes_per_token: f64,
    /// How many operations per second the device does in matrix products, where that is known.
    pub peak_flops: Option<f64>,
    /// Whether that was found by asking the device, which can be asked again.
    pub measures_peak: bool,
    /// The speed that is shown is that of the steps since then.
    since: (Instant, usize),
    /// When the measurements and the saving of this process began, and after which step.
    begin: (Instant, usize),
    /// A measurement that stands in the log beside the next step, and what else was seen then.
    pending: Option<(Measurement, Map<String, Value>)>,
}

impl Watch {
    /// Somebody to look at a run from now on.
    pub fn new(
        run: &Trainer,
        (screen, journal, report): (Screen, Journal, Report),
        tokenizer: Tokenizer,
        directory: &Path,
        max_iters: usize,
        bytes_per_token: f64,
        (peak_flops, measures_peak): (Option<f64>, bool),
    ) -> Watch {
        let now = (Instant::now(), run.backend.iter());
        let directory = directory.to_path_buf();
        Watch {
            screen,
            journal,
            report,
            tokenizer,
            directory,
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
    /// The share of the device's speed that so many tokens per second are.
    fn utilisation(&self, run: &Trainer, tokens_per_second: f64) -> Option<f64> {
        let flops = run.backend.gpt().config().flops_per_token();
        self.peak_flops.map(|peak| flops * tokens_per_second / peak)
    }
    // ANCHOR_END: utilisation

    /// Tokens a second, since a time at which so many steps had been taken.
    fn rate(run: &Trainer, (time, iter): (Instant, usize)) -> Option<f64> {
        let steps = run.backend.iter().saturating_sub(iter);
        let tokens = steps as f64 * run.tokens_per_step() as f64;
        (steps > 0).then(|| tokens / time.elapsed().as_secs_f64())
    }

    /// A text by the model as it is now.
    pub fn sample(&self, run: &mut Trainer, tokens: usize) -> Result<String> {
        let (gpt, seed) = (run.backend.gpt().clone(), run.backend.settings().seed);
        let (weights, _) = run.backend.state()?;
        let mut decoder = Decoder::new(&gpt, weights, None)?;
        // A line break; or, where the vocabulary has none, whatever comes first in it.
        let start = self.tokenizer.encode("\n").ok().filter(|start| !start.is_empty());
        decoder.prefill(&start.unwrap_or(vec![0]))?;
        let mut sampler = Sampler::new(0.8, None, None)?;
        let mut rng = generator(seed, Purpose::Sampling, 0);
        let text = (0..tokens).map(|_| decoder.decode_step(&mut sampler, &mut rng));
        // A model may have more places for tokens than its tokenizer has tokens.
        let known = |token: &u32| (*token as usize) < self.tokenizer.vocab_size();
        let text: Vec<u32> = text.filter(known).collect();
        self.tokenizer.decode(&text)
    }

    /// Writes what is known of the last measurement, if no step came after it to stand beside.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write_pending(&mut self, iter: usize) -> Result<()> {
        if let Some((measured, more)) = self.pending.take() {
            let entry = Entry::measured(iter, measured.train, measured.validation);
            self.journal.write_with(&entry, more)?;
        }
        Ok(())
    }

    /// Writes the page again, with a measurement that is not in the log yet.
    fn write_report(&self, iter: usize, state: State) -> Result<()> {
        let mut lines = report::read_log(&self.directory);
        if let Some((measured, more)) = &self.pending {
            let mut line = more.clone();
            line.insert("iter".into(), json!(iter));
            line.insert("val_loss".into(), json!(measured.validation));
            line.insert("eval_train_loss".into(), json!(measured.train));
            line.insert("elapsed_s".into(), json!(self.journal.elapsed()));
            lines.extend(serde_json::from_value(Value::Object(line)));
        }
        self.report.write(&self.directory, &lines, iter, state)
    }

    /// Writes the page for the last time.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn end_report(&mut self, iter: usize, state: State) -> Result<()> {
        self.journal.flush()?;
        self.write_report(iter, state)
    }
}

impl Watcher for Watch {
    fn wants_to_stop(&self) -> bool {
        stop::asked() || self.screen.is_gone()
    }

    fn measured(&mut self, run: &mut Trainer, measurement: &Measurement) -> Result<()> {
        let iter = run.backend.iter();
        let tokens_per_second = Watch::rate(run, self.since);
        let mut utilisation = tokens_per_second.and_then(|rate| self.utilisation(run, rate));
        if utilisation.is_some_and(|share| share > 1.0) && self.measures_peak {
            // Other programs were in the way when the device was measured: once more.
            let again = run.backend.peak_flops().unwrap_or_default();
            self.peak_flops = self.peak_flops.map(|peak| peak.max(again));
            utilisation = tokens_per_second.and_then(|rate| self.utilisation(run, rate));
        }
        // With the time that measuring and saving take.
        let left = Watch::rate(run, self.begin).map(|rate| {
            let tokens = run.tokens_per_step() as f64;
            self.max_iters.saturating_sub(iter) as f64 * tokens / rate
        });
        let memory = run.backend.memory();
        let settings = run.backend.settings();
        let row = Row {
            iter,
            train: measurement.train,
            validation: measurement.validation,
            bytes_per_token: self.bytes_per_token,
            lr: settings.schedule.at(iter.min(self.max_iters.saturating_sub(1))),
            tokens_per_second,
            utilisation,
            memory,
            elapsed: self.journal.elapsed(),
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
        self.pending = Some((*measurement, more));
        self.journal.flush()?;
        self.write_report(iter, State::Running { left })?;
        self.since = (Instant::now(), iter);
        Ok(())
    }

    fn stepped(&mut self, run: &Trainer, step: &Step, time: Duration) -> Result<()> {
        let speed = run.tokens_per_step() as f64 / time.as_secs_f64();
        let mut entry = Entry::step(step, speed);
        let mut more = Map::new();
        if let Some((measured, seen)) = self.pending.take() {
            entry.measure(measured.train, measured.validation);
            more = seen;
        }
        let utilisation = self.utilisation(run, speed);
        more.extend(utilisation.map(|share| ("mfu".into(), json!((1e4 * share).round() / 1e4))));
        self.journal.write_with(&entry, more)?;
        self.screen.progress(run.backend.iter(), || {
            let rate = Watch::rate(run, self.since).unwrap_or(speed);
            let share = self.utilisation(run, rate);
            let share = share.map_or(String::new(), |share| format!("{:.0} % · ", 100.0 * share));
            format!("loss {:.2} · {} tok/s · {share}", step.loss, thousands(rate as usize))
        });
        Ok(())
    }
}
