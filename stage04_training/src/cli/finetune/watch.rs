//! The display of a fine-tuning: a bar and a table on the screen, and the metrics log; before and
//! after it, what the model answers.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use stage01_bigram::Result;
use stage01_bigram::loss::perplexity;
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::Tokenizer;
use stage03_gpt::cli::screen::{Screen, width, without_controls};
use stage03_gpt::cli::stop;
use stage03_gpt::files::metrics_log::{LogEntry, MetricsLog};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::Step;
use stage03_gpt::training::{Callback, Evaluation};

use super::table::{self, Row};
use crate::finetune::{Answer, Example, FinetuneTraining, Origin, answer, follows_format};

/// Held-out questions that are answered before and after.
const ASKED: usize = 12;

/// Of them, those whose answers are printed.
const PRINTED: usize = 3;

/// The screen and the log of a run.
pub struct Watch {
    /// The screen.
    pub screen: Screen,
    log: MetricsLog,
    tokenizer: Tokenizer,
    ends: Vec<u32>,
    /// The model to answer with.
    gpt: Gpt,
    steps: usize,
    /// The displayed speed is the mean since this time and step.
    since: (Instant, usize),
    /// The time and the step at which this process began to train.
    start: (Instant, usize),
    /// An evaluation that is logged with the next step, and further fields of that entry.
    pending: Option<(Evaluation, Map<String, Value>)>,
    /// What was measured before the first step.
    before: Option<Measured>,
    /// The last loss on held-out examples.
    last: f64,
    /// The lowest one, and its step where this process saw it.
    best: (f64, Option<usize>),
}

/// What a model can do at one time.
#[derive(Clone, Debug)]
struct Measured {
    held_out: f64,
    old: Option<f64>,
    margin: Option<(f64, f64)>,
    answers: Vec<Answer>,
}

/// What a fine-tuning changed.
pub struct Findings {
    before: Option<Measured>,
    after: Measured,
    questions: Vec<String>,
}

impl Watch {
    /// The display of a run of so many steps.
    pub fn new(
        screen: Screen,
        log: MetricsLog,
        run: &FinetuneTraining,
        (tokenizer, ends, gpt): (Tokenizer, Vec<u32>, Gpt),
        steps: usize,
    ) -> Watch {
        let now = (Instant::now(), run.backend.iter());
        let (since, start, pending, before, last) = (now, now, None, None, f64::NAN);
        let best = (run.best, None);
        Watch {
            screen,
            log,
            tokenizer,
            ends,
            gpt,
            steps,
            since,
            start,
            pending,
            before,
            last,
            best,
        }
    }

    /// Where the model was better on held-out examples than it is now, in a sentence.
    pub fn better(&self) -> Option<String> {
        let (loss, step) = self.best;
        let when = match step {
            None => "earlier".into(),
            Some(0) => "before the first step".into(),
            Some(step) => format!("at step {}", thousands(step)),
        };
        (loss < self.last).then(|| {
            format!(
                "The loss on held-out examples was lowest {when}: {loss:.3}, now {:.3}.",
                self.last
            )
        })
    }

    /// Measures the model before its first step, and prints the head of the table.
    ///
    /// # Errors
    /// When the model computes NaN.
    pub fn begin(&mut self, run: &mut FinetuneTraining) -> Result<()> {
        let first = run.backend.iter();
        if first == 0 {
            let answers = self.answers(run)?;
            // The losses are those of the first evaluation.
            self.before = Some(Measured { held_out: f64::NAN, old: None, margin: None, answers });
        }
        let (old, preferences) = (run.batches.old.is_some(), run.batches.pairs.is_some());
        self.screen.line(format!("\n{}", table::head(old, preferences, width())));
        self.screen.start_bar(first, self.steps);
        self.start = (Instant::now(), first);
        self.since = self.start;
        Ok(())
    }

    /// The held-out conversations that are asked.
    fn asked(run: &FinetuneTraining) -> Vec<&Example> {
        let conversation =
            |example: &&Example| matches!(example.origin, Origin::Conversation { .. });
        let all: Vec<_> = run.batches.held_out.examples().iter().filter(conversation).collect();
        // Spread over all of them, because they may be sorted by subject.
        let step = all.len().div_ceil(ASKED).max(1);
        all.into_iter().step_by(step).collect()
    }

    fn answers(&self, run: &mut FinetuneTraining) -> Result<Vec<Answer>> {
        let examples: Vec<Example> = Watch::asked(run).into_iter().cloned().collect();
        let (weights, _) = run.backend.state()?;
        let model = (&self.gpt, weights);
        examples.iter().map(|one| answer(model, &self.tokenizer, &self.ends, one)).collect()
    }

    /// What the run changed.
    ///
    /// # Errors
    /// When the model computes NaN, or the disk is full.
    pub fn findings(&mut self, run: &mut FinetuneTraining) -> Result<Findings> {
        if let Some((evaluation, more)) = self.pending.take() {
            self.log.write_with(&LogEntry::evaluation(run.backend.iter(), &evaluation), more)?;
        }
        self.log.sync()?;
        let held_out = self.last;
        let (old, margin) = (run.old_loss, run.margin);
        let after = Measured { held_out, old, margin, answers: self.answers(run)? };
        let questions = Watch::asked(run).into_iter().map(|one| one.question.clone()).collect();
        Ok(Findings { before: self.before.take(), after, questions })
    }

    /// Tokens per second since a time at which `iter` steps had been taken.
    fn rate(run: &FinetuneTraining, (time, iter): (Instant, usize)) -> Option<f64> {
        let steps = run.backend.iter().saturating_sub(iter);
        let tokens = steps as f64 * run.tokens_per_step() as f64;
        (steps > 0).then(|| tokens / time.elapsed().as_secs_f64())
    }
}

impl Callback<FinetuneTraining> for Watch {
    fn wants_to_stop(&self) -> bool {
        stop::asked() || self.screen.is_gone()
    }

    fn saved(&mut self, run: &mut FinetuneTraining, evaluation: Option<&Evaluation>) -> Result<()> {
        let Some(evaluation) = evaluation else { return Ok(()) };
        let iter = run.backend.iter();
        if let (0, Some(before)) = (iter, &mut self.before) {
            (before.held_out, before.old) = (evaluation.validation, run.old_loss);
            before.margin = run.margin;
        }
        self.last = evaluation.validation;
        if evaluation.best {
            self.best = (self.last, Some(iter));
        }
        let left = Watch::rate(run, self.start).map(|rate| {
            let tokens = run.tokens_per_step() as f64;
            self.steps.saturating_sub(iter) as f64 * tokens / rate
        });
        let memory = run.backend.memory();
        let row = Row {
            iter,
            epochs: run.epochs(),
            train: evaluation.train,
            validation: evaluation.validation,
            old: run.old_loss,
            margin: run.margin,
            tokens_per_second: Watch::rate(run, self.since),
            memory,
            elapsed: self.log.elapsed(),
            left,
        };
        self.screen.line(row.text(width()));
        let mut more = Map::new();
        more.extend(run.old_loss.map(|loss| ("old_loss".into(), json!(loss))));
        if let Some((margin, right)) = run.margin {
            more.insert("margin".into(), json!(margin));
            more.insert("right".into(), json!(right));
        }
        more.extend(memory.map(|bytes| ("memory_bytes".into(), json!(bytes))));
        self.pending = Some((*evaluation, more));
        self.log.sync()?;
        self.since = (Instant::now(), iter);
        Ok(())
    }

    fn stepped(&mut self, run: &FinetuneTraining, step: &Step, time: Duration) -> Result<()> {
        let speed = run.tokens_per_step() as f64 / time.as_secs_f64();
        let mut entry = LogEntry::step(step, speed);
        let mut more = Map::new();
        if let Some((evaluation, seen)) = self.pending.take() {
            entry = entry.with_evaluation(&evaluation);
            more = seen;
        }
        self.log.write_with(&entry, more)?;
        self.screen.progress(run.backend.iter(), || {
            let rate = Watch::rate(run, self.since).unwrap_or(speed);
            format!("loss {:.2} · {} tok/s · ", step.loss, thousands(rate as usize))
        });
        Ok(())
    }
}

impl Findings {
    /// Lines for the screen.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let Findings { before, after, questions } = self;
        let mut lines = vec![String::new()];
        let row = |name: &str, before: Option<String>, after: String| {
            format!("{name:<32}{:>10}{after:>10}", before.unwrap_or_else(|| "-".into()))
        };
        lines.push(row("", before.as_ref().map(|_| "before".into()), "after".into()));
        let loss = |loss: f64| format!("{loss:.3}");
        let known = before.as_ref();
        let name = match after.margin {
            None => "held out, nats per token",
            Some(_) => "held out, loss of a pair",
        };
        lines.push(row(name, known.map(|known| loss(known.held_out)), loss(after.held_out)));
        if let Some((margin, right)) = after.margin {
            let earlier = known.and_then(|known| known.margin);
            let number = |margin: f64| format!("{margin:.2}");
            let margins = (earlier.map(|(margin, _)| number(margin)), number(margin));
            lines.push(row("held out, margin", margins.0, margins.1));
            let percent = |right: f64| format!("{:.0} %", 100.0 * right);
            let rights = (earlier.map(|(_, right)| percent(right)), percent(right));
            lines.push(row("held out, margins above 0", rights.0, rights.1));
        }
        if let Some(old) = after.old {
            let earlier = known.and_then(|known| known.old);
            lines.push(row("old text, nats per token", earlier.map(loss), loss(old)));
            let number = |loss: f64| format!("{:.1}", perplexity(loss));
            lines.push(row("old text, perplexity", earlier.map(number), number(old)));
        }
        if !after.answers.is_empty() {
            let follow = |measured: &Measured| {
                let number = measured.answers.iter().filter(|a| follows_format(a)).count();
                format!("{number} of {}", measured.answers.len())
            };
            lines.push(row("answers of 1 to 3 sentences", known.map(follow), follow(after)));
        }
        let step = questions.len().div_ceil(PRINTED).max(1);
        for i in (0..questions.len()).step_by(step) {
            lines.push(String::new());
            lines.push(wrap(&without_controls(&questions[i]), width, "  "));
            let mut say = |name: &str, answer: &Answer| {
                let text = answer.text.replace('\n', " / ");
                let cut = if answer.ended { "" } else { " ..." };
                let text = without_controls(&text);
                let text = wrap(&format!("{text}{cut}"), width, "          ");
                lines.push(format!("  {name:<8}{}", text.trim_start()));
            };
            if let Some(before) = known {
                say("before", &before.answers[i]);
            }
            say("after", &after.answers[i]);
        }
        lines
    }
}
