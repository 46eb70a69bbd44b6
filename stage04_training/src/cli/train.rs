//! `train`: from a recipe to a trained model.
//!
//! The loop is stage 3's, its display is in `watch`. This file assembles a run, prints its facts
//! before it starts, and its result at the end.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, Args};
use serde_json::Value;
use stage01_bigram::Result;
use stage01_bigram::loss::bits;
use stage01_bigram::text::{thousands, wrap};
use stage02_attention::params::Params;
use stage03_gpt::cli::introduction::{self, Reference};
use stage03_gpt::cli::resumed::resume_message;
use stage03_gpt::cli::run::remark_threads;
use stage03_gpt::cli::screen::{Screen, directory_flag, width};
use stage03_gpt::cli::stop;
use stage03_gpt::files::hugging_face::read_text_settings;
use stage03_gpt::files::metrics_log::MetricsLog;

use super::data::Data;
use super::start::{self, Ready, Start};
use super::table;
use super::watch::Watch;
use crate::backend;
use crate::checkpoint::{BEST, CheckpointManager};
use crate::recipe::{BUILT_IN, OUT_DIR, Recipe};
use crate::report::{REPORT_FILE, Report, State};
use crate::shards::Split;
use crate::trainer::{self, Ending, LoopConfig, ShardTraining};

/// Train a GPT (the default command).
///
/// A recipe has all settings of the run; flags override them. The run prints reference losses
/// before it starts, and writes a page to watch it on, report.html, into the model's directory.
/// Ctrl-C finishes the step, saves, and prints how to resume; after a crash at most the steps since
/// the last save are lost. A model that is already in the directory is moved beside it.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// A recipe by its name (see below), or a .toml file.
    #[arg(long, value_name = "NAME|FILE", default_value = BUILT_IN[0].0)]
    recipe: String,

    /// Resume the run that was saved in the directory; on the CPU the result is the same to the
    /// byte as without the stop. It keeps its number of threads unless --threads is given. Weights
    /// are read from trainer.safetensors; model.safetensors is not read, and is replaced. A run of
    /// stage 3 can be resumed, too.
    #[arg(long, conflicts_with_all = ["recipe", "init_from"])]
    resume: bool,

    /// Start without comparing the checksums of the data.
    #[arg(long, help_heading = "Data")]
    no_verify: bool,

    #[command(flatten)]
    settings: Recipe,
}

/// Runs the command.
pub fn train(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let ready = match flags.resume {
        true => start::resume(&flags.settings, matches)?,
        false => start::begin(&flags.recipe, &flags.settings, matches)?,
    };
    stop::listen();
    run(ready)
}

/// Creates the trainer, and trains.
fn run(ready: Ready) -> Result<ExitCode> {
    let Ready { name, recipe, data, gpt, start } = ready;
    let settings = recipe.run.settings();
    let open = |weights| {
        backend::open(&recipe.device, &recipe.precision, gpt.clone(), weights, settings.clone())
    };
    let (tokenizer, identity) = (data.tokenizer.clone(), data.identity());
    let mut checkpoints =
        CheckpointManager::new(&recipe.out_dir, tokenizer, recipe.saved(), identity);
    // A model that is trained further keeps its chat template and its special tokens.
    let described = match &start {
        Start::New(..) => recipe.init_from.as_deref(),
        Start::Saved(_, out, _) => Some(out.path.as_path()),
    };
    if let Some(directory) = described {
        checkpoints.texts = read_text_settings(directory, &checkpoints.tokenizer)?;
    }
    let mut other_data = None;
    // `out`, and then `checkpoints`, holds the directory's lock until the run ends.
    let (mut trainer, out) = match start {
        Start::New(weights, place) => {
            let mut trainer = ShardTraining::new(open(weights)?, &data.shards)?;
            let out = checkpoints.create(&mut trainer, place)?;
            (trainer, out)
        }
        Start::Saved(saved, out, tokenizer_sum) => {
            checkpoints.tokenizer_sum = tokenizer_sum;
            let zeros = Params::zeros(gpt.layout()); // until `restore` brings the saved ones
            let mut trainer = ShardTraining::new(open(zeros)?, &data.shards)?;
            saved.restore(&mut trainer, &checkpoints.data)?;
            other_data = match &saved.data {
                None => Some(
                    "note: stage 3 does not save a position in the data, so the run continues from \
                     the first window",
                ),
                Some(data) if *data != checkpoints.data => Some(
                    "note: the saved run was trained on other data; it continues on this data, \
                     from its first window",
                ),
                Some(_) => None,
            };
            if let Some(threads) = trainer.backend.threads() {
                let before = saved.settings.get("threads").and_then(Value::as_u64);
                remark_threads(before.map(|n| n as usize), threads);
            }
            (trainer, out)
        }
    };
    let moved = out.moved.clone();
    checkpoints.hold(out);
    let directory = checkpoints.directory.clone();
    let first = trainer.backend.iter();
    let log = MetricsLog::open(&directory, first)?;
    let peak = match recipe.peak_tflops {
        Some(tflops) => Some(1e12 * tflops),
        None => trainer.backend.peak_flops(),
    };
    let screen = Screen::new();

    let facts = facts(&name, &recipe, &data, &trainer, peak, &directory);
    for (name, text) in &facts {
        screen.fact(name, text);
    }
    if let Some(moved) = moved {
        screen.fact("", &format!("(the model that was there is now in {})", moved.display()));
    }
    if let Some(note) = other_data {
        screen.line(wrap(note, width(), ""));
    }
    let references = expect(&screen, &recipe, &data, &trainer)?;
    if first > 0 {
        let words = resume_message(first, recipe.run.max_iters, "--max-iters");
        screen.line(format!("\n{}", wrap(&words, width(), "")));
    }
    screen.line(format!("\n{}", table::head(width())));

    let report = Report::new(&recipe, facts, references.clone());
    let mut watch = Watch::new(
        &trainer,
        (screen, log, report),
        data.tokenizer.clone(),
        &directory,
        references,
        recipe.run.max_iters,
        data.bytes_per_token(),
        (peak, recipe.peak_tflops.is_none()),
    );
    watch.screen.start_bar(first, recipe.run.max_iters);
    let config = LoopConfig {
        save_interval: recipe.save_interval,
        save_after: Duration::try_from_secs_f64(60.0 * recipe.save_minutes)
            .unwrap_or(Duration::MAX),
        ..recipe.run.loop_config()?
    };
    let ending = trainer::train(&mut trainer, &config, &checkpoints, &mut watch);
    watch.screen.end_bar();
    match ending {
        Ok(Ending::Finished) => finished(watch, trainer),
        Ok(Ending::Stopped) => stopped(watch, &trainer),
        Err(error) => {
            // The page must not show a running run for ever. The first error counts. A directory
            // that another program may now use is left alone.
            if checkpoints.require().is_ok() {
                let iter = trainer.backend.iter();
                let _ = watch.write_pending(iter);
                let _ = watch.end_report(iter, State::Failed { why: error.to_string() });
            }
            Err(error)
        }
    }
}

/// The facts of a run as text, for the screen and for the report.
fn facts(
    name: &str,
    recipe: &Recipe,
    data: &Data,
    trainer: &ShardTraining,
    peak: Option<f64>,
    directory: &Path,
) -> Vec<(String, String)> {
    let config = trainer.backend.gpt().config();
    let [train, validation] = [Split::Train, Split::Validation].map(|p| data.shards.part(p).len());
    let tokens = trainer.tokens_per_step();
    let epochs = tokens as f64 * recipe.run.max_iters as f64 / train as f64;
    let names: Vec<_> = recipe.run.text.iter().map(|path| path.display().to_string()).collect();
    let (text, kind, made) = match &recipe.data {
        Some(_) => ("prepared before".into(), None, ""),
        None => (
            if names.is_empty() { "King James Bible".into() } else { names.join(", ") },
            Some(recipe.run.tokenizer.as_str()),
            if data.new { " (prepared just now)" } else { " (prepared before)" },
        ),
    };
    let speed = peak.map_or(String::new(), |peak| {
        format!("; {} GFLOP/s in matrix products", thousands((peak / 1e9) as usize))
    });
    let precision = match recipe.precision.as_str() {
        "auto" => String::new(),
        precision => format!(", {precision}"),
    };
    let facts = [
        ("recipe", name.to_string()),
        ("text", format!("{text}, {} bytes", thousands(data.bytes() as usize))),
        ("data", format!("{}{made}", data.directory.display())),
        ("tokens", {
            let (train, validation) = (train as usize, validation as usize);
            introduction::tokens(train, validation, data.tokenizer.vocab_size(), kind)
        }),
        ("model", introduction::model(config)),
        (
            "training",
            format!(
                "{} steps of {} tokens ({})",
                thousands(recipe.run.max_iters),
                thousands(tokens),
                if epochs < 0.95 {
                    format!("{:.0} % of an epoch", 100.0 * epochs)
                } else {
                    format!("{epochs:.1} epochs")
                },
            ),
        ),
        ("device", format!("{}{precision}{speed}", trainer.backend.name())),
        ("directory", directory.display().to_string()),
    ];
    facts.map(|(name, text)| (name.to_string(), text)).to_vec()
}

/// Prints the reference losses.
fn expect(
    screen: &Screen,
    recipe: &Recipe,
    data: &Data,
    trainer: &ShardTraining,
) -> Result<Vec<Reference>> {
    /// More tokens would change the counts of pairs little.
    const COUNTED: u64 = 10_000_000;
    let vocab_size = trainer.backend.gpt().config().vocab_size;
    let first = |which| {
        let part = data.shards.part(which);
        let mut tokens = vec![0; part.len().min(COUNTED) as usize];
        part.read(0, &mut tokens).map(|()| tokens)
    };
    let (train, validation) = (first(Split::Train)?, first(Split::Validation)?);
    let meaning = "the final loss of stage 3, which draws windows with repetition";
    let measured = recipe.run.reference_loss(data.bytes() as usize);
    let measured = measured.map(|loss| ("with repetition", loss, meaning));
    Ok(introduction::references(screen, vocab_size, [&train, &validation], measured))
}

/// The run was stopped and saved: prints how to resume it.
fn stopped(mut watch: Watch, trainer: &ShardTraining) -> Result<ExitCode> {
    let iter = trainer.backend.iter();
    watch.end_report(iter, State::Stopped)?;
    watch.screen.line(format!(
        "\nStopped after step {} and saved. To resume:\n  cargo run -p stage04_training -- train --resume{}",
        thousands(iter),
        directory_flag("--out-dir", &watch.directory, OUT_DIR),
    ));
    stop::status(&watch.screen)
}

/// The end: prints the loss over the whole validation set, a longer sample, and the paths.
fn finished(mut watch: Watch, mut trainer: ShardTraining) -> Result<ExitCode> {
    /// More tokens would change the loss by less than the printed precision.
    const MOST: usize = 4_000_000;
    let iter = trainer.backend.iter();
    watch.write_pending(iter)?;
    let (loss, tokens) = trainer.evaluate_all(MOST)?;
    let all = format!(
        "Over {} tokens of the validation set: {loss:.4} nats per token, {:.4} bits per byte.",
        thousands(tokens),
        bits(loss) / watch.bytes_per_token,
    );
    watch.screen.line(format!("\n{}", wrap(&all, width(), "")));
    let text = watch.sample(&mut trainer, 300)?;
    watch.screen.line("\nWhat it writes now:\n");
    watch.screen.line(wrap(text.trim(), width(), "  "));
    watch.end_report(iter, State::Finished { loss })?;
    let directory = &watch.directory;
    let model = directory_flag("--model", directory, OUT_DIR);
    watch.screen.line(format!(
        "\nThe model is in {}, its best in {},\nthe report in {}. Try:\n  \
         cargo run -p stage04_training -- sample{model}\n  \
         cargo run -p stage04_training -- chat{model}",
        directory.display(),
        directory.join(BEST).display(),
        directory.join(REPORT_FILE).display(),
    ));
    watch.screen.end()
}
