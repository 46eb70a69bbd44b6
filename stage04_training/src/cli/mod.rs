//! The commands: `train`, `prepare`, `recipes`, `sample`, `chat`, `eval`,
//! `doctor`.
//!
//! Each has a file of its own; those that use a model are stage 3's, with another default
//! directory. This file knows how a command begins and how it ends.

mod data;
mod doctor;
pub mod prepare;
mod progress;
mod recipes;
mod start;
pub mod table;
mod train;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use stage01_bigram::Result;
use stage03_gpt::cli::screen::remark;
use stage03_gpt::cli::{chat, eval, refuse_arguments, sample};

use crate::recipe::OUT_DIR;

/// A GPT, trained at scale.
///
/// Without a command it does the whole way on a small example: it prepares the King James Bible,
/// which is built in, trains a model on it in about three minutes on two cores, measures it, saves
/// it and lets it write. With a recipe, prepared data and a GPU it does the same to a model of
/// GPT-2's size, for days if need be: a run that is stopped or killed goes on with --resume.
#[derive(Parser)]
#[command(name = "stage04_training", version, args_conflicts_with_subcommands = true)]
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
    Train(Box<train::Flags>),
    Prepare(prepare::Flags),
    Recipes(recipes::Flags),
    Doctor(Box<doctor::Flags>),
    Sample(sample::Flags),
    Chat(chat::Flags),
    Eval(eval::Flags),
}

/// Runs the command that the arguments name. The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut command = Cli::command()
        // A negative number is refused by the setting it was given to, with a better reason.
        .allow_negative_numbers(true)
        .mut_subcommands(|command| command.allow_negative_numbers(true))
        .mut_subcommand("train", |train| hide_products(train).after_help(recipes::help()))
        .mut_subcommand("doctor", |doctor| {
            // It understands all flags of `train`; this one changes nothing that it says.
            let doctor = doctor.mut_arg("threads", |flag| flag.hide(true));
            hide_products(doctor).after_help(recipes::help())
        });
    command = hide_products(command).after_help(recipes::help());
    for name in ["sample", "chat", "eval"] {
        command = command
            .mut_subcommand(name, |using| using.mut_arg("model", |m| m.default_value(OUT_DIR)));
    }
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match command.try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(refusal) => return refuse_arguments(&refusal, &arguments),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|refusal| refusal.exit());
    match dispatch(cli, &matches) {
        Ok(code) => code,
        Err(error) => {
            remark(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli, matches: &ArgMatches) -> Result<ExitCode> {
    // Which flags were typed is known to the matches of the command they belong to.
    let own = matches.subcommand().map_or(matches, |(_, own)| own);
    match cli.command {
        None => train::train(&cli.train, own),
        Some(Command::Train(flags)) => train::train(&flags, own),
        Some(Command::Prepare(flags)) => prepare::prepare(&flags),
        Some(Command::Recipes(flags)) => recipes::recipes(&flags),
        Some(Command::Doctor(flags)) => doctor::doctor(&flags, own),
        Some(Command::Sample(flags)) => sample::sample(&flags),
        Some(Command::Chat(flags)) => chat::chat(&flags),
        Some(Command::Eval(flags)) => eval::eval(&flags),
    }
}

/// Stage 3's flag that has another name here.
fn hide_products(command: clap::Command) -> clap::Command {
    command.mut_arg("products", |flag| flag.hide(true))
}
