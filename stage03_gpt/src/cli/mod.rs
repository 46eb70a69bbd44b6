//! The commands: `train`, `sample`, `eval`, `chat`, `bench`.
//!
//! Each has a file of its own. This one knows the flags they share, and how a command ends:
//! with its result, with one line that says what a user can do, or quietly when nobody reads
//! any more.

pub mod bench;
pub mod chat;
mod data;
pub mod eval;
pub mod resumed;
pub mod run;
pub mod sample;
pub mod screen;
pub mod stop;
mod train;

pub use crate::files::{metrics_log as journal, run_directory as directory};

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use stage01_bigram::Result;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::screen::{printable, refuse};

/// A GPT from scratch, on the CPU.
///
/// Without a command it trains one on the King James Bible, which is built in: about three
/// minutes on two cores. It shows what to expect, how the loss falls, and what the model
/// writes while it learns. The model is saved as a directory that `sample`, `chat` and `eval`
/// open, and that the Hugging Face libraries open too.
#[derive(Parser)]
#[command(name = "stage03_gpt", version, args_conflicts_with_subcommands = true)]
#[command(args_override_self = true)] // of a flag that is typed twice, the last counts
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    train: train::Flags,
}

// What each does is said where its flags are; a comment here would take the place of that.
#[derive(Subcommand)]
enum Command {
    Train(train::Flags),
    Sample(sample::Flags),
    Eval(eval::Flags),
    Chat(chat::Flags),
    Bench(bench::Flags),
}

/// Runs the command that the arguments name. The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = Cli::command()
        // A negative number is refused by the setting it was given to, with a better reason.
        .allow_negative_numbers(true)
        .mut_subcommands(|command| command.allow_negative_numbers(true))
        .after_help(run::preset_help())
        .mut_subcommand("train", |train| train.after_help(run::preset_help()))
        .mut_subcommand("bench", |bench| {
            // These it understands, so that a command of `train` can be measured as it is.
            let idle = ["text", "tokenizer", "max_iters", "eval_interval", "eval_iters"];
            idle.iter().fold(bench.after_help(run::preset_help()), |bench, name| {
                bench.mut_arg(name, |flag| flag.hide(true))
            })
        });
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match command.try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(refusal) => return refuse_arguments(&refusal, &arguments),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|refusal| refusal.exit());
    match dispatch(cli, &matches) {
        Ok(code) => code,
        Err(error) => {
            screen::remark(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The end of a program whose command line was not understood. An argument that is no text is
/// shown, as far as it can be.
pub fn refuse_arguments(refusal: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let no_text = arguments.iter().find(|argument| argument.to_str().is_none());
    match (refusal.kind(), no_text) {
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

fn dispatch(cli: Cli, matches: &ArgMatches) -> Result<ExitCode> {
    // Which flags were typed is known to the matches of the command they belong to.
    let own = matches.subcommand().map_or(matches, |(_, own)| own);
    match cli.command {
        None => train::train(&cli.train, own),
        Some(Command::Train(flags)) => train::train(&flags, own),
        Some(Command::Sample(flags)) => sample::sample(&flags),
        Some(Command::Eval(flags)) => eval::eval(&flags),
        Some(Command::Chat(flags)) => chat::chat(&flags),
        Some(Command::Bench(flags)) => bench::bench(&flags, own),
    }
}

/// How tokens are chosen from the model's scores.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Choosing tokens")]
pub struct Choice {
    /// Below 1 the likely becomes likelier, above 1 less so; 0 always takes the likeliest.
    #[arg(long, value_name = "T", default_value_t = 0.8)]
    temperature: f64,

    /// Choose among the K likeliest tokens only. [default: all]
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,

    /// Choose among the likeliest tokens that together reach the probability P. [default: all]
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,

    /// The same seed writes the same text.
    #[arg(long, value_name = "N", default_value_t = 1337)]
    seed: u64,

    /// How many of the oldest tokens are forgotten when the context is full; 1 keeps the
    /// longest context, and is slow. [default: half of the block size]
    #[arg(long, value_name = "N")]
    context_shift: Option<usize>,
}

impl Choice {
    fn sampler(&self) -> Result<Sampler> {
        Sampler::new(self.temperature, self.top_k, self.top_p)
    }
}
