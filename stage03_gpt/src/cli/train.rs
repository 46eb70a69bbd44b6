//! `train`: from a text to a trained GPT, with everything a reader wants to see on the way.
//!
//! The step itself is in [`trainer`](crate::trainer). This file brings it data, measures,
//! shows, saves, and stops when asked to.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{ArgMatches, Args};
use serde_json::{Value, json};
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::Dataset;
use stage01_bigram::loss::bits;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::screen::{thousands, wrap};
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;

use super::data::{self, Data};
use super::directory::{self, OutDir};
use super::journal::{Entry, Journal};
use super::resumed::{Described, TOKENIZER_NOTE, going_on, require_savable};
use super::run::{PRESETS, Run, remark_threads};
use super::screen::{Screen, directory_flag, duration, remark, width};
use super::stop;
use crate::checkpoint;
use crate::evaluate::evaluate;
use crate::generate::Decoder;
use crate::resume::{self, State, TRAINER_FILE, text_checksum};
use crate::trainer::{Settings, Step, Trainer};

/// Where models go, and come from, unless told otherwise.
pub const OUT_DIR: &str = "out/gpt";

/// Train a GPT (what happens without a command).
///
/// The run shows what to expect before it begins: the loss of a model that knows nothing, and
/// what merely counting pairs of tokens would reach. Ctrl-C finishes the step, saves, and says
/// how to go on. A model that is in the directory already is kept beside it.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// A set of settings with a name, see below. Flags you type replace those of the preset.
    #[arg(long, value_name = "NAME", default_value = PRESETS[0].name)]
    preset: String,

    /// The directory of the model.
    #[arg(long, value_name = "DIR", default_value = OUT_DIR)]
    out_dir: PathBuf,

    /// Go on with the run that was saved in the directory, to the byte as if it had never stopped.
    /// It keeps its number of threads, unless --threads says another. Its weights are read from
    /// trainer.safetensors; model.safetensors is not read, and is replaced.
    #[arg(long, conflicts_with = "preset")]
    resume: bool,

    #[command(flatten)]
    run: Run,
}

/// Runs the command.
pub fn train(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let mut training = if flags.resume {
        Training::resume(flags, matches)?
    } else {
        Training::begin(flags, matches)?
    };
    stop::listen();
    training.introduce();
    training.run()
}

/// A run in progress.
struct Training {
    run: Run,
    /// Its directory, which nobody else writes to before the run is over.
    out: OutDir,
    tokenizer: Tokenizer,
    /// The checksum of the tokenizer's file.
    tokenizer_sum: String,
    data: Data,
    trainer: Trainer<f32>,
    journal: Journal,
    screen: Screen,
    /// Room for a batch.
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

/// The mean losses over some batches of both parts of the text, in nats per token.
struct Measurement {
    train: f64,
    validation: f64,
}

impl Training {
    /// A new run.
    fn begin(flags: &Flags, matches: &ArgMatches) -> Result<Training> {
        let mut run = Run::from_preset(&flags.preset, &flags.run, matches)?;
        // What costs nothing to check is checked before what takes time.
        run.eval_interval()?;
        let settings = run.settings();
        settings.validate()?;
        run.config(1).validate()?;
        run.threads = Some(settings.threads); // saved: the last digits depend on it
        let kind: TokenizerKind = run.tokenizer.parse()?;
        let place = directory::reserve(&flags.out_dir)?;
        let corpus = Corpus::open(&run.text)?;
        let tokenizer = match kind {
            // A character that only the validation part has must still have a number.
            TokenizerKind::Char => kind.train(&corpus.text)?,
            _ => kind.train(data::split(&corpus)?.0)?,
        };
        require_savable(&tokenizer, &run.tokenizer)?;
        let tokenizer_sum = text_checksum(&tokenizer.to_json());
        let data = Data::new(&corpus, &tokenizer, run.block_size)?;
        corpus.notes(&tokenizer).for_each(remark);
        let gpt = run.gpt(tokenizer.vocab_size())?;
        let weights = gpt.initialise(&mut generator(run.seed, Purpose::Initialisation, 0));
        let trainer = Trainer::new(gpt, weights, settings)?;
        let note = note(&run, &data, &tokenizer_sum);
        let out = place.fill(|directory| {
            checkpoint::save_description(directory, trainer.gpt().config(), &tokenizer)?;
            resume::save(directory, &trainer, &note)?;
            checkpoint::save_model(directory, trainer.gpt(), &trainer.weights)
        })?;
        Training::new(run, out, (tokenizer, tokenizer_sum), data, trainer)
    }

    /// A run that was saved before.
    fn resume(flags: &Flags, matches: &ArgMatches) -> Result<Training> {
        let out = directory::resume(&flags.out_dir)?;
        let state = State::load(&out.path)?;
        let path = out.path.join(TRAINER_FILE);
        let saved: Run = serde_json::from_value(state.run["settings"].clone()).map_err(|e| {
            Error::format(&path, format!("its settings are damaged ({e})"), "start a new run")
        })?;
        let run = Run::resumed(&saved, &flags.run, matches)?;
        run.eval_interval()?;
        let Described { gpt, tokenizer, tokenizer_sum } = Described::read(&out.path, &state, &run)?;
        let corpus = Corpus::open(&run.text)?;
        let data = Data::new(&corpus, &tokenizer, run.block_size)?;
        match &state.run["text"] {
            // Stage 4 learns from files of tokens; which text they came from it does not know.
            Value::Null => remark(format!(
                "note: the saved run was learning from prepared data; it goes on with {}",
                data.origin
            )),
            text if *text != json!(data.fingerprint) => {
                return Err(Error::text(
                    data.origin,
                    "this is not the text that the saved run was learning",
                    "restore the text, or start a new run in another --out-dir",
                ));
            }
            _ => {}
        }
        let weights = Params::zeros(gpt.layout()); // until `restore` brings the saved ones
        let mut trainer = Trainer::new(gpt, weights, run.settings())?;
        state.restore(&mut trainer)?;
        remark_threads(saved.threads, trainer.settings().threads);
        Training::new(run, out, (tokenizer, tokenizer_sum), data, trainer)
    }

    fn new(
        run: Run,
        out: OutDir,
        (tokenizer, tokenizer_sum): (Tokenizer, String),
        data: Data,
        trainer: Trainer<f32>,
    ) -> Result<Training> {
        let journal = Journal::open(&out.path, trainer.iter)?;
        let screen = Screen::new();
        let (inputs, targets) = (Vec::new(), Vec::new());
        Ok(Training {
            run,
            out,
            tokenizer,
            tokenizer_sum,
            data,
            trainer,
            journal,
            screen,
            inputs,
            targets,
        })
    }

    /// Says what is about to happen, and what to expect of it.
    fn introduce(&mut self) {
        let Training { run, data, trainer, screen, .. } = self;
        let config = trainer.gpt().config();
        let Settings { batch_size, gradient_accumulation_steps, threads, .. } = *trainer.settings();
        let vocab_size = config.vocab_size;
        let fact = |name: &str, text: String| screen.fact(name, &text);
        fact("text", format!("{}, {} bytes", data.origin, thousands(data.bytes)));
        fact(
            "tokens",
            format!(
                "{} of them, a vocabulary of {} ({}); {} to learn, {} to measure",
                thousands(data.train.len() + data.validation.len()),
                thousands(vocab_size),
                run.tokenizer,
                thousands(data.train.len()),
                thousands(data.validation.len()),
            ),
        );
        fact(
            "model",
            format!(
                "{} weights; layers: {}, heads: {}, embedding width: {}, tokens of context: {}",
                thousands(config.n_params()),
                config.n_layer,
                config.n_head,
                config.n_embd,
                config.block_size,
            ),
        );
        let step = (batch_size * config.block_size).saturating_mul(gradient_accumulation_steps);
        let passes = step as f64 * run.max_iters as f64 / data.train.len() as f64;
        fact(
            "training",
            format!(
                "{} steps of {} tokens ({passes:.1} times through the text), {threads} thread{}",
                thousands(run.max_iters),
                thousands(step),
                if threads == 1 { "" } else { "s" },
            ),
        );
        fact("directory", self.out.path.display().to_string());
        if let Some(moved) = &self.out.moved {
            fact("", format!("(the model that was there is now in {})", moved.display()));
        }

        let mut lines = vec![(
            "knows nothing",
            (vocab_size as f64).ln(),
            format!("at the start: ln({vocab_size}), every token equally likely"),
        )];
        // The pairs are counted in the part that is learned, and measured in the other.
        let bigram = CountedBigram::count(data.train.tokens(), vocab_size, 0.1)
            .and_then(|bigram| bigram.mean_loss(data.validation.tokens()));
        if let Ok(loss) = bigram {
            lines.push((
                "bigram",
                loss,
                "what counting pairs of tokens reaches (the bigram)".into(),
            ));
        }
        if let Some(loss) = run.reference_loss(data.bytes) {
            lines.push(("usual end", loss, "where this preset usually ends".into()));
        }
        screen.line("\nWhat to expect of the validation loss, in nats per token:");
        for (_, loss, meaning) in &lines {
            screen.line(format!("  {loss:5.2}  {meaning}"));
        }
        self.journal.references =
            lines.into_iter().map(|(name, loss, _)| (format!("{name} {loss:.2}"), loss)).collect();
        if self.trainer.iter > 0 {
            let words = going_on(self.trainer.iter, run.max_iters);
            self.screen.line(format!("\n{}", wrap(&words, width(), "")));
        }
        self.screen.line(format!(
            "\n{:>7} {:>6} {:>6} {:>9} {:>7} {:>8}  {}",
            "step", "train", "val", "bits/byte", "lr", "tokens/s", "time"
        ));
    }

    /// The loop: measure, save, step, until the end or until somebody asks to stop.
    fn run(mut self) -> Result<ExitCode> {
        let interval = self.run.eval_interval()?;
        let (first, last) = (self.trainer.iter, self.run.max_iters);
        let passes = self.run.gradient_accumulation_steps;
        let tokens = (self.run.batch_size * self.run.block_size).saturating_mul(passes);
        self.screen.start_bar(first, last);
        // The speed is that of the steps since the last measurement.
        let (mut clock, mut since) = (Instant::now(), first);
        let rate = |clock: Instant, steps: usize| {
            steps as f64 * tokens as f64 / clock.elapsed().as_secs_f64()
        };
        loop {
            let iter = self.trainer.iter;
            let stop = stop::asked() || self.screen.is_gone();
            let mut measured = None;
            if !stop && (iter.is_multiple_of(interval) || iter >= last) {
                let rate = (iter > since).then(|| rate(clock, iter - since));
                let measurement = self.measure()?;
                self.show(&measurement, rate);
                measured = Some(measurement);
                self.save()?;
                (clock, since) = (Instant::now(), iter);
            }
            if stop || iter >= last {
                if let Some(measurement) = measured {
                    self.journal.write(&Entry::measured(
                        iter,
                        measurement.train,
                        measurement.validation,
                    ))?;
                }
                break if stop { self.stopped() } else { self.finished() };
            }

            let began = Instant::now();
            for _ in 0..passes {
                let (rng, block_size) = (&mut self.trainer.batch_rng(), self.run.block_size);
                let (x, y) = (&mut self.inputs, &mut self.targets);
                self.data.train.sample_batch(self.run.batch_size, block_size, rng, x, y);
                self.trainer.accumulate(x, y);
            }
            let step = self.trainer.step()?;
            let speed = tokens as f64 / began.elapsed().as_secs_f64();
            let mut entry = Entry::step(&step, speed);
            if let Some(measurement) = measured {
                entry.measure(measurement.train, measurement.validation);
            }
            self.journal.write(&entry)?;
            let done = self.trainer.iter;
            self.screen.progress(done, || progress(&step, rate(clock, done - since)));
        }
    }

    /// The mean loss over the same random batches every time, of both parts of the text.
    ///
    /// # Errors
    /// [`Error::Diverged`] when one is not a number, so that such a model is never saved.
    fn measure(&mut self) -> Result<Measurement> {
        let iter = self.trainer.iter;
        let Training { run, data, trainer, inputs, targets, .. } = self;
        // ANCHOR: measure
        let mut mean = |data: &Dataset, index| {
            let mut rng = generator(run.seed, Purpose::Evaluation, index);
            let (mut sum, mut tokens) = (0.0, 0);
            for _ in 0..run.eval_iters {
                data.sample_batch(run.batch_size, run.block_size, &mut rng, inputs, targets);
                sum += trainer.evaluate(inputs, targets);
                tokens += inputs.len();
            }
            sum / tokens as f64
        };
        let (train, validation) = (mean(&data.train, 0), mean(&data.validation, 1));
        // ANCHOR_END: measure
        match [train, validation].into_iter().find(|loss| !loss.is_finite()) {
            Some(loss) => Err(diverged(iter, loss)),
            None => Ok(Measurement { train, validation }),
        }
    }

    /// One line of the table, and what the model writes by now.
    fn show(&self, measurement: &Measurement, rate: Option<f64>) {
        let Measurement { train, validation } = *measurement;
        let iter = self.trainer.iter;
        self.screen.line(format!(
            "{iter:>7} {train:6.3} {validation:6.3} {:9.3} {:>7.1e} {:>8}  {}",
            bits(validation) / self.data.bytes_per_token,
            self.trainer.settings().schedule.at(iter.min(self.run.max_iters.saturating_sub(1))),
            rate.map_or("-".to_string(), |rate| thousands(rate as usize)),
            duration(self.journal.elapsed()),
        ));
        if iter == 0
            && let Some(warning) = first_loss_warning(train, self.trainer.gpt().config().vocab_size)
        {
            self.screen.line(wrap(&warning, width(), "         "));
        }
        if iter > 0 && iter < self.run.max_iters {
            let text = self.sample(60).trim().replace('\n', " / ");
            let text: String =
                wrap(&text, width(), "         ").lines().take(2).collect::<Vec<_>>().join("\n");
            self.screen.line(text);
        }
    }

    /// A short text by the model as it is now.
    fn sample(&self, tokens: usize) -> String {
        let gpt = self.trainer.gpt();
        let Ok(mut decoder) = Decoder::new(gpt, &self.trainer.weights, None) else {
            return String::new(); // no memory to write in, and training needs none of it
        };
        let start = match self.tokenizer.encode("\n") {
            Ok(line_break) if !line_break.is_empty() => line_break,
            _ => self.data.train.tokens()[..1].to_vec(),
        };
        decoder.prefill(&start).expect("tokens of this vocabulary");
        let mut sampler = Sampler::new(0.8, None, None).expect("valid settings");
        let mut rng = generator(self.run.seed, Purpose::Sampling, 0);
        let text = (0..tokens).map(|_| decoder.decode_step(&mut sampler, &mut rng));
        // A model may have more places for tokens than its tokenizer has tokens.
        let known = |token: &u32| (*token as usize) < self.tokenizer.vocab_size();
        let text: Vec<u32> = text.filter(known).collect();
        self.tokenizer.decode(&text).expect("tokens of this vocabulary")
    }

    /// Writes the state first and the model second: see [`checkpoint`].
    fn save(&mut self) -> Result<()> {
        let weights = &self.trainer.weights.values;
        if let Some(weight) = weights.iter().find(|weight| !weight.is_finite()) {
            return Err(diverged(self.trainer.iter, f64::from(*weight)));
        }
        self.out.require()?;
        // ANCHOR: save
        let note = note(&self.run, &self.data, &self.tokenizer_sum);
        resume::save(&self.out.path, &self.trainer, &note)?;
        checkpoint::save_model(&self.out.path, self.trainer.gpt(), &self.trainer.weights)?;
        // ANCHOR_END: save
        self.journal.flush()
    }

    /// Somebody asked to stop: save, and say how to go on.
    fn stopped(mut self) -> Result<ExitCode> {
        self.screen.end_bar();
        self.save()?;
        self.screen.line(format!(
            "\nStopped after step {} and saved. To go on:\n  cargo run -p stage03_gpt -- train --resume{}",
            thousands(self.trainer.iter),
            directory_flag("--out-dir", &self.out.path, OUT_DIR),
        ));
        stop::status(&self.screen)
    }

    /// The end: the curve, the loss over all of the validation text, and a longer sample.
    fn finished(mut self) -> Result<ExitCode> {
        self.screen.end_bar();
        self.journal.flush()?;
        let curve = self.journal.draw()?;
        let (gpt, weights) = (self.trainer.gpt(), &self.trainer.weights);
        let pool = crate::trainer::thread_pool(self.trainer.settings().threads)?;
        let all = pool.install(|| {
            let tokens = self.data.validation.tokens();
            evaluate(gpt, weights, tokens, self.run.block_size)
        })?;
        let all = format!(
            "Over the whole validation text: {:.4} nats per token, {:.4} bits per byte.",
            all.per_token(),
            bits(all.per_token()) / self.data.bytes_per_token,
        );
        self.screen.line(format!("\n{}", wrap(&all, width(), "")));
        self.screen.line("\nWhat it writes now:\n");
        self.screen.line(wrap(self.sample(300).trim(), width(), "  "));
        let flag = directory_flag("--model", &self.out.path, OUT_DIR);
        self.screen.line(format!(
            "\nThe model is in {},\nthe curve in {}. Try:\n  cargo run -p stage03_gpt -- sample{flag}\n  \
             cargo run -p stage03_gpt -- chat{flag}",
            self.out.path.display(),
            curve.display(),
        ));
        self.screen.end()
    }
}

/// What a saved run must find again.
fn note(run: &Run, data: &Data, tokenizer_sum: &str) -> Value {
    json!({ "settings": run, "text": data.fingerprint, TOKENIZER_NOTE: tokenizer_sum })
}

/// A loss or a weight that is NaN, found before it was saved.
fn diverged(iter: usize, loss: f64) -> Error {
    let remedy = "the last checkpoint was kept; resume from it with a smaller --learning-rate or \
                  a --grad-clip";
    Error::Diverged { iter, loss, remedy: remedy.into() }
}

/// What stands beside the progress bar.
fn progress(step: &Step, rate: f64) -> String {
    format!("loss {:.2} · {} tok/s ·", step.loss, thousands(rate as usize))
}

/// Why the first loss is not what it should be, if it is not.
fn first_loss_warning(loss: f64, vocab_size: usize) -> Option<String> {
    let expected = (vocab_size as f64).ln();
    ((loss - expected).abs() > 0.1 * expected).then(|| {
        format!(
            "warning: the first loss is {loss:.2}, but a model that knows nothing should have \
             ln({vocab_size}) = {expected:.2}. Far above: the first weights are too large, so \
             the model is sure and wrong. Far below: it sees the token it is to predict, \
             through a missing mask or targets that are not shifted."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_loss_far_from_even_is_explained() {
        assert_eq!(first_loss_warning(4.2, 65), None);
        assert!(first_loss_warning(9.0, 65).unwrap().contains("ln(65) = 4.17"));
        assert!(first_loss_warning(1.0, 65).is_some());
    }
}
