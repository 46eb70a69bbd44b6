//! The commands: `train`, `sample`, `eval`, `chat`, `serve`, `merge`, `export`, `quantize`,
//! `bench`.
//!
//! Each has a file of its own. This one has the flags they share, and how a program starts and
//! ends: with its result, with a one-line error, or without a message when its output is no longer
//! read.

pub mod bench;
pub mod chat;
pub mod curve;
pub mod eval;
pub mod export;
pub mod introduction;
pub mod locate;
pub mod merge;
pub mod quantize;
pub mod resumed;
pub mod run;
pub mod sample;
pub mod screen;
pub mod serve;
pub mod stop;
mod train;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use stage01_bigram::Result;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::sampling::repetition::RepetitionPenalty;
use stage01_bigram::screen::refuse;
use stage01_bigram::text::printable;

use crate::gpt::Gpt;

/// A GPT from scratch, on the CPU.
///
/// Without a command it trains one on the King James Bible, which is built in: about three
/// minutes on two cores. It shows what to expect, how the loss falls, and what the model
/// writes while it learns. The model is saved as a directory that `sample`, `chat` and `eval`
/// open, and that the Hugging Face libraries open too.
#[derive(Parser)]
#[command(name = "stage03_gpt", version, args_conflicts_with_subcommands = true)]
#[command(args_override_self = true)] // of a flag that is given twice, the last counts
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    train: train::Flags,
}

// The help of each command is that of its flags; a doc comment here would replace it.
#[derive(Subcommand)]
enum Command {
    Train(train::Flags),
    Sample(sample::Flags),
    Eval(eval::Flags),
    Chat(chat::Flags),
    Serve(serve::Flags),
    Merge(merge::Flags),
    Export(export::Flags),
    Quantize(quantize::Flags),
    Bench(bench::Flags),
}

/// Runs the command that the arguments name. The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = Cli::command()
        .after_help(run::preset_help())
        .mut_subcommand("train", |train| train.after_help(run::preset_help()))
        .mut_subcommand("bench", |bench| {
            // Accepted but unused, so that the flags of `train` can be measured as they are.
            let unused = ["text", "tokenizer", "max_iters", "eval_interval", "eval_iters"];
            unused.iter().fold(bench.after_help(run::preset_help()), |bench, name| {
                bench.mut_arg(name, |flag| flag.hide(true))
            })
        });
    run_program(command, arguments, dispatch)
}

/// A whole program, from its arguments to its exit status. Both stages' programs use it.
///
/// run: gets the flags, and the matches of their command, which say which flags were typed.
pub fn run_program<C: FromArgMatches>(
    command: clap::Command,
    arguments: impl IntoIterator<Item = OsString>,
    run: impl FnOnce(C, &ArgMatches) -> Result<ExitCode>,
) -> ExitCode {
    let command = command
        // A negative number is refused where its setting is checked, with a better reason.
        .allow_negative_numbers(true)
        .mut_subcommands(|command| command.allow_negative_numbers(true));
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match command.try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(refusal) => return refuse_arguments(&refusal, &arguments),
    };
    let flags = C::from_arg_matches(&matches).unwrap_or_else(|refusal| refusal.exit());
    let own = matches.subcommand().map_or(&matches, |(_, own)| own);
    match run(flags, own) {
        Ok(code) => code,
        Err(error) => {
            screen::remark(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The error of a command line that was not understood. An argument that is not UTF-8 is shown with
/// replacement characters.
fn refuse_arguments(refusal: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let not_utf8 = arguments.iter().find(|argument| argument.to_str().is_none());
    match (refusal.kind(), not_utf8) {
        (ErrorKind::InvalidUtf8, Some(argument)) => {
            let shown = argument.display().to_string();
            let shown = printable(&shown);
            screen::remark(format!(
                "error: {shown}: not UTF-8; give text in UTF-8, and rename a file of such a name"
            ));
            ExitCode::from(2)
        }
        _ => refuse(refusal),
    }
}

fn dispatch(cli: Cli, own: &ArgMatches) -> Result<ExitCode> {
    match cli.command {
        None => train::train(&cli.train, own),
        Some(Command::Train(flags)) => train::train(&flags, own),
        Some(Command::Sample(flags)) => sample::sample(&flags),
        Some(Command::Eval(flags)) => eval::eval(&flags),
        Some(Command::Chat(flags)) => chat::chat(&flags),
        Some(Command::Serve(flags)) => serve::serve(&flags),
        Some(Command::Merge(flags)) => merge::merge(&flags),
        Some(Command::Export(flags)) => export::export(&flags),
        Some(Command::Quantize(flags)) => quantize::quantize(&flags),
        Some(Command::Bench(flags)) => bench::bench(&flags, own),
    }
}

/// Which tokens are sampled, and how likely each is. It stands below the heading of another group of
/// flags.
#[derive(Clone, Debug, Args)]
pub struct Distribution {
    /// Below 1 the likely becomes likelier, above 1 less so; 0 always takes the likeliest.
    #[arg(long, value_name = "T", default_value_t = 0.8)]
    temperature: f64,

    /// Sample among the K likeliest tokens only. [default: all]
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,

    /// Sample among the likeliest tokens that together reach the probability P. [default: all]
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
}

impl Distribution {
    /// A sampler, at this temperature or at another.
    fn sampler_at(&self, temperature: f64) -> Result<Sampler> {
        Sampler::new(temperature, self.top_k, self.top_p)
    }
}

/// How tokens are sampled from the model's logits.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sampling")]
pub struct SamplingFlags {
    #[command(flatten)]
    distribution: Distribution,

    /// Lower the logits of tokens that were written lately: those above 0 are divided by R, those
    /// below are multiplied. 1 is off, 1.1 is usual; much more avoids even the necessary words.
    #[arg(long, value_name = "R", default_value_t = 1.0)]
    repetition_penalty: f64,

    /// How many of the last tokens the repetition penalty looks at.
    #[arg(long, value_name = "N", default_value_t = RepetitionPenalty::WINDOW)]
    repetition_window: usize,

    /// The random seed: the same seed writes the same text.
    #[arg(long, value_name = "N", default_value_t = 1337)]
    seed: u64,

    /// How many of the oldest tokens are evicted when the context is full; 1 keeps the longest
    /// context, and is slow. [default: half of the block size]
    #[arg(long, value_name = "N")]
    context_shift: Option<usize>,

    /// How many tokens of context the model gets. Fewer take less memory. [default: its own]
    #[arg(long, value_name = "N")]
    context: Option<usize>,
}

impl SamplingFlags {
    /// Shortens the context of a model where that is asked for.
    fn shorten(&self, gpt: &mut Gpt) -> Result<()> {
        self.context.map_or(Ok(()), |tokens| gpt.shorten_context(tokens))
    }

    fn sampler(&self) -> Result<Sampler> {
        self.sampler_at(self.distribution.temperature)
    }

    /// The same, at another temperature.
    fn sampler_at(&self, temperature: f64) -> Result<Sampler> {
        let repetition = RepetitionPenalty::new(self.repetition_penalty, self.repetition_window)?;
        let sampler = self.distribution.sampler_at(temperature)?;
        Ok(sampler.with_repetition_penalty(repetition))
    }
}
