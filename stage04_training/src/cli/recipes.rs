//! `recipes`: lists the built-in recipes, or prints one.

use std::process::ExitCode;

use clap::Args;
use stage01_bigram::Result;
use stage01_bigram::text::wrap;
use stage03_gpt::cli::screen::{Screen, width};

use crate::recipe;

/// List the built-in recipes, or print one.
///
/// A recipe is a small file of settings with comments. To start one of your own:
/// `recipes cpu-tiny > mine.toml`, and then `train --recipe mine.toml`.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The recipe to print. [default: list all]
    #[arg(value_name = "NAME")]
    recipe: Option<String>,
}

/// Runs the command.
pub fn recipes(flags: &Flags) -> Result<ExitCode> {
    let screen = Screen::new();
    match &flags.recipe {
        Some(name) => screen.write(recipe::text(name)?.as_bytes()),
        None => screen.write(list().as_bytes()),
    }
    screen.end()
}

/// The list of recipes for a help page.
pub fn help() -> String {
    format!("Recipes (--recipe NAME; `recipes NAME` prints one):\n{}", list())
}

fn list() -> String {
    // Wrapped here, because the help page would lose the indent.
    let entry =
        |(name, about): (&str, String)| format!("  {name}\n{}\n", wrap(&about, width(), "      "));
    recipe::list().into_iter().map(entry).collect()
}
