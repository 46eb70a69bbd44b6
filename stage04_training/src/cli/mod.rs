//! The commands: `train`, `finetune`, `prepare`, `recipes`, `sample`, `chat`, `eval`,
//! `doctor`.
//!
//! Each has its own file; those that use a model are stage 3's, with another default directory.

mod data;
mod doctor;
mod finetune;
pub mod prepare;
mod progress;
mod recipes;
mod start;
pub mod table;
mod train;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, Parser, Subcommand};
use stage01_bigram::Result;
use stage03_gpt::cli::{chat, eval, run_program, sample};

use crate::recipe::OUT_DIR;

/// A GPT, trained at scale.
///
/// Without a command it runs a small example from text to model: it prepares the built-in King
/// James Bible, trains a model on it in about three minutes on two cores, evaluates it, saves it
/// and prints a sample. With a recipe, prepared data and a GPU it trains a model of GPT-2's size
/// in the same way, for days if necessary: a run that is stopped or killed continues with --resume.
#[derive(Parser)]
#[command(name = "stage04_training", version, args_conflicts_with_subcommands = true)]
#[command(args_override_self = true)] // if a flag is given twice, the last one counts
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    train: train::Flags,
}

// The doc comments are at the flags: one here would replace them in `--help`.
#[derive(Subcommand)]
enum Command {
    Train(Box<train::Flags>),
    Finetune(Box<finetune::Flags>),
    Prepare(prepare::Flags),
    Recipes(recipes::Flags),
    Doctor(Box<doctor::Flags>),
    Sample(sample::Flags),
    Chat(chat::Flags),
    Eval(eval::Flags),
}

/// The program: parses the arguments and runs their command.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut command = Cli::command()
        // The setting itself refuses a negative number, with a better message.
        .allow_negative_numbers(true)
        .mut_subcommands(|command| command.allow_negative_numbers(true))
        .mut_subcommand("train", |train| hide_dtype(train).after_help(recipes::help()))
        .mut_subcommand("doctor", |doctor| {
            // It takes all flags of `train`; this one does not affect its output.
            let doctor = doctor.mut_arg("threads", |flag| flag.hide(true));
            hide_dtype(doctor).after_help(recipes::help())
        });
    command = hide_dtype(command).after_help(recipes::help());
    for name in ["sample", "chat", "eval"] {
        command = command
            .mut_subcommand(name, |using| using.mut_arg("model", |m| m.default_value(OUT_DIR)));
    }
    run_program(command, arguments, dispatch)
}

fn dispatch(cli: Cli, own: &ArgMatches) -> Result<ExitCode> {
    match cli.command {
        None => train::train(&cli.train, own),
        Some(Command::Train(flags)) => train::train(&flags, own),
        Some(Command::Finetune(flags)) => finetune::finetune(&flags, own),
        Some(Command::Prepare(flags)) => prepare::prepare(&flags),
        Some(Command::Recipes(flags)) => recipes::recipes(&flags),
        Some(Command::Doctor(flags)) => doctor::doctor(&flags, own),
        Some(Command::Sample(flags)) => sample::sample(&flags),
        Some(Command::Chat(flags)) => chat::chat(&flags),
        Some(Command::Eval(flags)) => eval::eval(&flags),
    }
}

/// Hides stage 3's flag `--dtype`, which is called `--precision` here.
fn hide_dtype(command: clap::Command) -> clap::Command {
    command.mut_arg("dtype", |flag| flag.hide(true))
}
