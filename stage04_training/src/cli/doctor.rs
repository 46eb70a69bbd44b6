//! `doctor`: can a GPU be used here, and what fits into its memory? The answers are found in
//! [`crate::doctor`].

use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, Args};
use stage01_bigram::screen::Stop;
use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::{Error, Result};
use stage03_gpt::cli::run::typed;

use crate::backend::device::{Device, Precision};
use crate::doctor::{Workload, doctor as examine, parse_bytes};
use crate::recipe::{BUILT_IN, Recipe};

/// Find out whether a GPU can be used, if not why not, and what fits into its memory.
///
/// It looks for libtorch, its part for CUDA, the driver and the GPU, and says what is missing
/// and what to do. Then it reckons what a run takes: name the recipe, with any of its settings.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The run whose memory is in question: a recipe by its name, or a .toml file.
    #[arg(long, value_name = "NAME|FILE", default_value = BUILT_IN[BUILT_IN.len() - 1].0)]
    recipe: String,

    /// The memory to workload for, such as 24GB. [default: that of the GPU that is seen]
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,

    #[command(flatten)]
    settings: Recipe,
}

/// Runs the command.
pub fn doctor(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let recipe = Recipe::load(&flags.recipe, &flags.settings, |setting| typed(matches, setting))?;
    let memory = flags.memory.as_deref().map(parse_bytes).transpose()?;
    let workload = Workload {
        name: flags.recipe.clone(),
        config: recipe.run.config(recipe.vocab_size(vocab_size(&recipe.run.tokenizer)?)),
        precision: Precision::choose(&recipe.precision, Device::Cuda(0))?,
        batch_size: recipe.run.batch_size,
        gradient_accumulation_steps: recipe.run.gradient_accumulation_steps,
    };
    match examine(Some(&workload), memory, &mut io::stdout().lock()) {
        Ok(code) => Ok(code),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(Stop::Output(e)) => Err(Error::file("write", "the standard output")(e)),
    }
}

/// About how many tokens a vocabulary has, before there is a text.
fn vocab_size(tokenizer: &str) -> Result<usize> {
    Ok(match tokenizer.parse()? {
        TokenizerKind::Char => 128,
        TokenizerKind::Bpe { vocab_size } => vocab_size,
        TokenizerKind::Gpt2 => 50_257,
        kind @ TokenizerKind::File(_) => kind.train("")?.vocab_size(),
    })
}
