//! `bench`: the speed of training and of generation on this machine.

mod generation;
mod training;

use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, Args};
use stage01_bigram::text::thousands;
use stage01_bigram::{Error, Result};

use super::screen::Screen;
use crate::settings::{PRESETS, RunSettings};

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

    /// Print one line of JSON instead.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    run: RunSettings,
}

/// Runs the command.
pub fn bench(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let Some(budget) = Duration::try_from_secs_f64(flags.seconds).ok().filter(|d| !d.is_zero())
    else {
        return Err(Error::setting("--seconds", flags.seconds, "choose a number above 0, like 5"));
    };
    let run = RunSettings::from_preset(&flags.preset, &flags.run, matches)?;
    let gpt = run.gpt(flags.vocab_size)?;
    let settings = run.settings();
    settings.validate()?;
    let screen = Screen::new();
    if !flags.json {
        screen.line(format!(
            "model             {} weights: {} layers of {};\n                  {}, {} threads",
            thousands(gpt.config().n_params()),
            run.n_layer,
            run.n_embd,
            if flags.generation {
                format!("block of {} tokens", run.block_size)
            } else {
                format!("{} x {} tokens per micro-batch", run.batch_size, run.block_size)
            },
            settings.threads,
        ));
    }
    if flags.generation {
        generation::measure(gpt, &settings, budget, flags.json, &screen)?;
    } else {
        training::measure(gpt, settings, budget, flags.json, &screen)?;
    }
    screen.end()
}
