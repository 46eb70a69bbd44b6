//! Checks before a run is resumed: its sizes and its tokenizer must be as they were saved.
//!
//! A resumed run takes everything from [`State`]. `config.json` and `tokenizer.json` are text files
//! beside it, which can be edited. If they no longer belong to the state, the run would train on,
//! and the model that it saves could not be loaded, or would be given other tokens.

use std::path::Path;

use stage01_bigram::text::thousands;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};

use super::screen::remark;
use crate::config::GptConfig;
use crate::files::hugging_face::{read_config, save_description};
use crate::files::resume::{State, TOKENIZER_NOTE, text_checksum};
use crate::files::{CONFIG_FILE, TOKENIZER_FILE};
use crate::gpt::Gpt;
use crate::settings::RunSettings;

/// The model of a saved run.
pub struct Described {
    /// Its architecture.
    pub gpt: Gpt,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The checksum of `tokenizer.json`, for the note of the next save.
    pub tokenizer_sum: String,
}

impl Described {
    /// Compares the files of a directory with the state of its run. A missing `config.json` is
    /// written again.
    ///
    /// run: the settings that were saved.
    ///
    /// # Errors
    /// [`Error::Format`], naming the entry that differs, and the saved one.
    pub fn read(directory: &Path, state: &State, run: &RunSettings) -> Result<Described> {
        if !state.checked {
            remark(
                "note: this run was saved by an earlier version, without a checksum; alterations \
                 since then cannot be detected",
            );
        }
        let (tokenizer, mut tokenizer_sum) = read_tokenizer(directory, state)?;
        let vocab_size = state.vocab_size()?;
        let gpt = run.gpt(vocab_size)?;
        if tokenizer.vocab_size() > vocab_size {
            let problem = format!(
                "it has {} tokens, the saved model only {vocab_size}",
                tokenizer.vocab_size()
            );
            return Err(another_tokenizer(directory, problem));
        }
        if directory.join(CONFIG_FILE).symlink_metadata().is_err() {
            save_description(directory, gpt.config(), &tokenizer)?;
            tokenizer_sum = text_checksum(&tokenizer.to_json());
            remark(format!("note: {CONFIG_FILE} was missing; it was written again"));
        }
        compare(directory, gpt.config())?;
        Ok(Described { gpt, tokenizer, tokenizer_sum })
    }
}

/// The tokenizer, if it is the one that the run was saved with.
fn read_tokenizer(directory: &Path, state: &State) -> Result<(Tokenizer, String)> {
    let path = directory.join(TOKENIZER_FILE);
    let tokenizer = Tokenizer::load(&path)?;
    let sum = text_checksum(&files::read_text(&path)?);
    match state.run.get(TOKENIZER_NOTE) {
        Some(saved) if *saved != sum => {
            let problem = "this is not the tokenizer that the run was saved with";
            Err(another_tokenizer(directory, problem.into()))
        }
        _ => Ok((tokenizer, sum)),
    }
}

fn another_tokenizer(directory: &Path, problem: String) -> Error {
    let remedy = "restore the file, or start a new run in another --out-dir";
    Error::format(directory.join(TOKENIZER_FILE), problem, remedy)
}

/// Refuses a `config.json` that differs from the saved run.
fn compare(directory: &Path, saved: &GptConfig) -> Result<()> {
    let found = read_config(directory)?;
    let entries = [
        ("vocab_size", found.vocab_size.to_string(), saved.vocab_size.to_string()),
        ("n_positions", found.block_size.to_string(), saved.block_size.to_string()),
        ("n_layer", found.n_layer.to_string(), saved.n_layer.to_string()),
        ("n_head", found.n_head.to_string(), saved.n_head.to_string()),
        ("n_embd", found.n_embd.to_string(), saved.n_embd.to_string()),
        ("resid_pdrop", found.dropout.to_string(), saved.dropout.to_string()),
        ("bias", found.bias.to_string(), saved.bias.to_string()),
    ];
    match entries.into_iter().find(|(_, found, saved)| found != saved) {
        Some((entry, found, saved)) => Err(Error::format(
            directory.join(CONFIG_FILE),
            format!("{entry} is {found}, but the run was saved with {saved}"),
            format!("put {saved} back, or delete the file: --resume writes it again"),
        )),
        None => Ok(()),
    }
}

/// The message of a run before it is resumed.
///
/// done: the steps that it has taken. last: the steps that it is to have. flag: what says so.
pub fn resume_message(done: usize, last: usize, flag: &str) -> String {
    let steps = thousands(done);
    if done < last {
        return format!("Resuming after step {steps}.");
    }
    format!(
        "Nothing is left to train: the run has taken {steps} steps, and {} are asked for. To \
         continue, give a larger {flag}.",
        thousands(last)
    )
}

/// Refuses a tokenizer that, once saved, could not be loaded again: before a model is trained with
/// it.
///
/// # Errors
/// [`Error::Setting`], saying why.
pub fn require_savable(tokenizer: &Tokenizer, kind: &str) -> Result<()> {
    let why = match Tokenizer::from_json(&tokenizer.to_json()) {
        Ok(again) if again == *tokenizer => return Ok(()),
        Ok(_) => "it would differ".to_string(),
        Err(e) => e.to_string(),
    };
    let expected = format!("saved, it could not be loaded again ({why}); choose another one");
    Err(Error::setting("--tokenizer", kind, expected))
}
