//! `bench`: the speed of training and of generation on this machine.

mod generation;
mod training;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, Args};
use stage01_bigram::text::thousands;
use stage01_bigram::{Error, Result};

use super::locate::locate;
use super::screen::Screen;
use crate::files::gguf::{self, GgufFile};
use crate::gpt::Gpt;
use crate::model::Model;
use crate::settings::{PRESETS, RunSettings};
use crate::trainer::Settings;

/// Measure how fast this machine trains.
///
/// It measures the machine's own speed first, with large matrix products alone, and then whole
/// training steps on random tokens. The utilisation is how much of the machine's speed the training
/// reaches; the table below it shows where the time of a step goes. With --generation it measures
/// reading a prompt (prefill) and writing after it (decode steps), and the memory bandwidth that
/// limits writing.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// A set of settings with a name. Flags you type replace those of the preset.
    #[arg(long, value_name = "NAME", default_value = PRESETS[0].name)]
    preset: String,

    /// The number of tokens in the vocabulary.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    vocab_size: usize,

    /// About how long to measure, in seconds.
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,

    /// Measure reading and writing instead of training: a prompt of half the block size, and
    /// tokens after it, one at a time.
    #[arg(long)]
    generation: bool,

    /// Measure the reading and writing of this model, instead of one with random weights: a directory, a
    /// GGUF file, or its name on the hub. Its sizes replace those of the preset.
    #[arg(long, value_name = "DIR", requires = "generation")]
    model: Option<PathBuf>,

    /// Print one line of JSON instead.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    run: RunSettings,
}

/// Prints which model is measured.
fn describe(gpt: &Gpt, size: &str, settings: &Settings, screen: &Screen) {
    let config = gpt.config();
    screen.line(format!(
        "model             {} weights: {} layers of {};\n                  {size}, {} threads",
        thousands(config.n_params()),
        config.n_layer,
        config.n_embd,
        settings.threads,
    ));
}

/// Runs the command.
pub fn bench(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let Some(budget) = Duration::try_from_secs_f64(flags.seconds).ok().filter(|d| !d.is_zero())
    else {
        return Err(Error::setting("--seconds", flags.seconds, "choose a number above 0, like 5"));
    };
    let run = RunSettings::from_preset(&flags.preset, &flags.run, matches)?;
    let screen = Screen::new();
    if let Some(path) = &flags.model {
        let path = locate(path)?;
        // Random tokens are read: a file needs no tokenizer for that.
        let (gpt, weights) = match path.extension().is_some_and(|ending| ending == "gguf") {
            true => gguf::read_blocks(&GgufFile::open(&path)?)?,
            false => {
                let Model { gpt, weights, .. } = Model::load(&path)?;
                (gpt, weights)
            }
        };
        let settings = run.settings();
        generation::measure_model(gpt, &weights, &settings, budget, flags.json, &screen)?;
        return screen.end();
    }
    let gpt = run.gpt(flags.vocab_size)?;
    let settings = run.settings();
    settings.validate()?;
    if !flags.json {
        let size = if flags.generation {
            format!("block of {} tokens", run.block_size)
        } else {
            format!("{} x {} tokens per micro-batch", run.batch_size, run.block_size)
        };
        describe(&gpt, &size, &settings, &screen);
    }
    if flags.generation {
        generation::measure(gpt, &settings, budget, flags.json, &screen)?;
    } else {
        training::measure(gpt, settings, budget, flags.json, &screen)?;
    }
    screen.end()
}
