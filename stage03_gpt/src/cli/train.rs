//! `train`: from a text to a trained GPT.
//!
//! The loop is in [`training`], its output in `watch`. This file sets up a run,
//! prints what to expect of it, and how it ended.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args};
use serde_json::{Value, json};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::loss::bits;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;

use super::resumed::{Described, require_savable, resume_message};
use super::run::remark_threads;
use super::screen::{directory_flag, remark, width};
use super::watch::Watch;
use super::{introduction, stop};
use crate::evaluate::evaluate;
use crate::files::TRAINER_FILE;
use crate::files::hugging_face::{save_description, save_model};
use crate::files::metrics_log::MetricsLog;
use crate::files::resume::{self, State, TOKENIZER_NOTE, text_checksum};
use crate::files::run_directory::{self, OutDir};
use crate::settings::{PRESETS, RunSettings};
use crate::text_data::{self, TextData};
use crate::text_training::TextTraining;
use crate::trainer::Trainer;
use crate::training::{self, Checkpoints, Ending};

/// The default directory of models.
pub const OUT_DIR: &str = "out/gpt";

/// Train a GPT (the default command).
///
/// Before it begins, the run prints what to expect: the loss of an untrained model, and the loss of
/// a bigram, which only counts pairs of tokens. Ctrl-C finishes the step, saves, and prints how to
/// resume. A model that is in the directory already is moved aside, not overwritten.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// A set of settings with a name, see below. Flags you type replace those of the preset.
    #[arg(long, value_name = "NAME", default_value = PRESETS[0].name)]
    preset: String,

    /// The directory of the model.
    #[arg(long, value_name = "DIR", default_value = OUT_DIR)]
    out_dir: PathBuf,

    /// Resume the run that was saved in the directory, to the byte as if it had never stopped. It
    /// keeps its number of threads, unless --threads gives another. Its weights are read from
    /// trainer.safetensors; model.safetensors is not read, and is replaced.
    #[arg(long, conflicts_with = "preset")]
    resume: bool,

    #[command(flatten)]
    run: RunSettings,
}

/// Runs the command.
pub fn train(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let ready = match flags.resume {
        true => Ready::resume(flags, matches)?,
        false => Ready::begin(flags, matches)?,
    };
    let Ready { run, mut training, tokenizer, checkpoints } = ready;
    let directory = checkpoints.out.path.clone();
    let log = MetricsLog::open(&directory, training.trainer.iter)?;
    stop::listen();
    let mut watch = Watch::new(log, tokenizer, directory, run.max_iters, training.trainer.iter);
    introduce(&run, &training, &checkpoints.out, &mut watch);
    watch.screen.start_bar(training.trainer.iter, run.max_iters);
    let config = run.loop_config()?;
    let ending = training::train(&mut training, &config, &checkpoints, &mut watch);
    watch.screen.end_bar();
    match ending? {
        Ending::Finished => finished(watch, training),
        Ending::Stopped => stopped(&watch, &training),
    }
}

/// A run that is set up.
struct Ready {
    run: RunSettings,
    training: TextTraining,
    tokenizer: Tokenizer,
    checkpoints: InDirectory,
}

impl Ready {
    /// A new run.
    fn begin(flags: &Flags, matches: &ArgMatches) -> Result<Ready> {
        let mut run = RunSettings::from_preset(&flags.preset, &flags.run, matches)?;
        // Cheap checks first, before anything that takes time.
        run.eval_interval()?;
        let settings = run.settings();
        settings.validate()?;
        run.config(1)?.validate()?;
        run.threads = Some(settings.threads); // saved: the rounding depends on it
        let kind: TokenizerKind = run.tokenizer.parse()?;
        let place = run_directory::reserve(&flags.out_dir)?;
        let corpus = Corpus::open(&run.text)?;
        let tokenizer = match kind {
            // A character that only the validation part has must still have a number.
            TokenizerKind::Char => kind.train(&corpus.text)?,
            _ => kind.train(text_data::split(&corpus)?.0)?,
        };
        require_savable(&tokenizer, &run.tokenizer)?;
        let tokenizer_sum = text_checksum(&tokenizer.to_json());
        let data = TextData::new(&corpus, &tokenizer, run.block_size)?;
        corpus.notes(&tokenizer).for_each(remark);
        let gpt = run.gpt(tokenizer.vocab_size())?;
        let weights = gpt.initialise(&mut generator(run.seed, Purpose::Initialisation, 0));
        let trainer = Trainer::new(gpt, weights, settings)?;
        let note = note(&run, &data, &tokenizer_sum);
        let out = place.fill(|directory| {
            save_description(directory, trainer.gpt().config(), &tokenizer)?;
            resume::save(directory, &trainer, &note)?;
            save_model(directory, trainer.gpt(), &trainer.weights)
        })?;
        let training = TextTraining::from_trainer(trainer, data)?;
        Ok(Ready { run, training, tokenizer, checkpoints: InDirectory { out, note } })
    }

    /// A run that was saved before.
    fn resume(flags: &Flags, matches: &ArgMatches) -> Result<Ready> {
        let out = run_directory::resume(&flags.out_dir)?;
        let state = State::load(&out.path)?;
        state.require_training(&out.path)?;
        let path = out.path.join(TRAINER_FILE);
        let saved: RunSettings =
            serde_json::from_value(state.run["settings"].clone()).map_err(|e| {
                Error::format(&path, format!("its settings are damaged ({e})"), "start a new run")
            })?;
        let run = RunSettings::resumed(&saved, &flags.run, matches)?;
        run.eval_interval()?;
        let Described { gpt, tokenizer, tokenizer_sum } = Described::read(&out.path, &state, &run)?;
        let corpus = Corpus::open(&run.text)?;
        let data = TextData::new(&corpus, &tokenizer, run.block_size)?;
        match &state.run["text"] {
            // Stage 4 trains on shards of tokens, and does not save which text they came from.
            Value::Null => remark(format!(
                "note: the saved run was trained on prepared data; it continues with {}",
                data.origin
            )),
            text if *text != json!(data.fingerprint) => {
                return Err(Error::text(
                    data.origin,
                    "this is not the text that the saved run was trained on",
                    "restore the text, or start a new run in another --out-dir",
                ));
            }
            _ => {}
        }
        let weights = Params::zeros(gpt.layout()); // until `restore` brings the saved ones
        let mut trainer = Trainer::new(gpt, weights, run.settings())?;
        state.restore(&mut trainer)?;
        remark_threads(saved.threads, trainer.settings().threads);
        let note = note(&run, &data, &tokenizer_sum);
        let training = TextTraining::from_trainer(trainer, data)?;
        Ok(Ready { run, training, tokenizer, checkpoints: InDirectory { out, note } })
    }
}

/// The note that is saved with a run, for its resumption.
fn note(run: &RunSettings, data: &TextData, tokenizer_sum: &str) -> Value {
    json!({ "settings": run, "text": data.fingerprint, TOKENIZER_NOTE: tokenizer_sum })
}

/// Saves a run in its directory, which no other run writes to while this one lasts.
struct InDirectory {
    out: OutDir,
    note: Value,
}

impl Checkpoints<TextTraining> for InDirectory {
    /// Writes the state first and the model second.
    fn save(&self, run: &mut TextTraining, _best: bool) -> Result<()> {
        let trainer = &run.trainer;
        if let Some(weight) = trainer.weights.values.iter().find(|weight| !weight.is_finite()) {
            return Err(Error::diverged(trainer.iter, f64::from(*weight)));
        }
        self.out.require()?;
        resume::save(&self.out.path, trainer, &self.note)?;
        save_model(&self.out.path, trainer.gpt(), &trainer.weights)
    }
}

/// Prints the facts of a run, and the losses to compare with.
fn introduce(run: &RunSettings, training: &TextTraining, out: &OutDir, watch: &mut Watch) {
    let TextTraining { trainer, data, .. } = training;
    let config = trainer.gpt().config();
    let screen = &watch.screen;
    let fact = |name: &str, text: String| screen.fact(name, &text);
    fact("text", format!("{}, {} bytes", data.origin, thousands(data.bytes)));
    let (train, validation) = (data.train.len(), data.validation.len());
    let kind = Some(run.tokenizer.as_str());
    fact("tokens", introduction::tokens(train, validation, config.vocab_size, kind));
    fact("model", introduction::model(config));
    let (step, threads) = (training.tokens_per_step(), trainer.settings().threads);
    let epochs = step as f64 * run.max_iters as f64 / train as f64;
    fact(
        "training",
        format!(
            "{} steps of {} tokens ({epochs:.1} epochs), {threads} thread{}",
            thousands(run.max_iters),
            thousands(step),
            if threads == 1 { "" } else { "s" },
        ),
    );
    fact("directory", out.path.display().to_string());
    if let Some(moved) = &out.moved {
        fact("", format!("(the model that was there is now in {})", moved.display()));
    }
    let measured = run.reference_loss(data.bytes);
    let measured =
        measured.map(|loss| ("reference", loss, "the reference: a measured run of this preset"));
    let parts = [data.train.tokens(), data.validation.tokens()];
    let references = introduction::references(screen, config.vocab_size, parts, measured);
    if trainer.iter > 0 {
        let message = resume_message(trainer.iter, run.max_iters, "--max-iters");
        screen.line(format!("\n{}", wrap(&message, width(), "")));
    }
    screen.line(Watch::table_head());
    watch.references = references;
}

/// The run was stopped and saved: prints how to resume it.
fn stopped(watch: &Watch, training: &TextTraining) -> Result<ExitCode> {
    watch.screen.line(format!(
        "\nStopped after step {} and saved. To resume:\n  cargo run -p stage03_gpt -- train --resume{}",
        thousands(training.trainer.iter),
        directory_flag("--out-dir", &watch.directory, OUT_DIR),
    ));
    stop::status(&watch.screen)
}

/// The end: the curve, the loss over the whole validation set, and a longer sample.
fn finished(mut watch: Watch, training: TextTraining) -> Result<ExitCode> {
    watch.write_pending(training.trainer.iter)?;
    let curve = watch.sync()?;
    let all = training.trainer.install(|gpt, weights| {
        evaluate(gpt, weights, training.data.validation.tokens(), gpt.config().block_size)
    })?;
    let all = format!(
        "Over the whole validation text: {:.4} nats per token, {:.4} bits per byte.",
        all.per_token(),
        bits(all.per_token()) / training.data.bytes_per_token,
    );
    watch.screen.line(format!("\n{}", wrap(&all, width(), "")));
    watch.screen.line("\nWhat it writes now:\n");
    watch.screen.line(wrap(watch.sample(&training, 300).trim(), width(), "  "));
    let flag = directory_flag("--model", &watch.directory, OUT_DIR);
    watch.screen.line(format!(
        "\nThe model is in {},\nthe curve in {}. Try:\n  cargo run -p stage03_gpt -- sample{flag}\n  \
         cargo run -p stage03_gpt -- chat{flag}",
        watch.directory.display(),
        curve.display(),
    ));
    watch.screen.end()
}
