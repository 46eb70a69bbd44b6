//! `prepare`: from raw text to a folder of tokens. A stand-in.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stage01_bigram::Result;

/// Turn text into a folder of tokens.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The text: files. Without them: the King James Bible, which is built in.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    input: Vec<PathBuf>,

    /// How text becomes tokens: `char`, `bpe:SIZE`, `gpt2` or a tokenizer.json.
    #[arg(long, value_name = "KIND", default_value = "bpe:2048")]
    tokenizer: String,

    /// The folder to make.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs the command.
pub fn prepare(flags: &Flags) -> Result<ExitCode> {
    crate::prepare::prepare(&flags.input, &flags.tokenizer.parse()?, &flags.out)?;
    Ok(ExitCode::SUCCESS)
}
