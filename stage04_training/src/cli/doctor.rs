//! `doctor`: its flags. The command itself is in [`crate::doctor`].

use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, Args};
use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::{Error, Result};
use stage03_gpt::cli::run::typed;

use crate::backend::device::{Device, Precision};
use crate::doctor::{Workload, doctor as examine, parse_bytes};
use crate::recipe::{BUILT_IN, Recipe};

/// Find out whether a GPU can be used, or why not, and what fits into its memory.
///
/// It checks libtorch, its CUDA library, the driver and the GPU, and says what is missing and what
/// to do. Then it estimates the memory of a run: name the recipe, with any of its settings.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The run whose memory is estimated: a recipe by its name, or a .toml file.
    #[arg(long, value_name = "NAME|FILE", default_value = BUILT_IN[BUILT_IN.len() - 1].0)]
    recipe: String,

    /// The memory of the device, such as 24GB. [default: the free memory of the GPU]
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
        config: recipe.run.config(recipe.vocab_size(vocab_size(&recipe.run.tokenizer)?))?,
        precision: Precision::choose(&recipe.precision, Device::Cuda(0))?,
        batch_size: recipe.run.batch_size,
        gradient_accumulation_steps: recipe.run.gradient_accumulation_steps,
    };
    match examine(Some(&workload), memory, &mut io::stdout().lock()) {
        Ok(code) => Ok(code),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(e) => Err(Error::file("write", "the standard output")(e)),
    }
}

/// The approximate size of a vocabulary, before there is a text.
fn vocab_size(tokenizer: &str) -> Result<usize> {
    Ok(match tokenizer.parse()? {
        TokenizerKind::Char => 128,
        TokenizerKind::Bpe { vocab_size } => vocab_size,
        TokenizerKind::Gpt2 => 50_257,
        kind @ TokenizerKind::File(_) => kind.train("")?.vocab_size(),
    })
}
