//! From text of any size to files of tokens.
//!
//! A model does not read text, it reads tokens, millions of times. So text becomes tokens once,
//! before training, and 45 gigabytes of it are no different from 45 megabytes: nothing is ever
//! in memory as a whole, all cores work, and a command that was killed goes on where it was.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings`, `run` | what is asked for, and the command from its beginning to its end |
//! | `inputs` | from what a user names to a sorted list of files |
//! | `kind`, `decode` | what a file is; gzip, xz, zstd |
//! | `walk` | through archives in archives to documents |
//! | `marker`, `special` | documents inside of a text; special tokens that it spells |
//! | `cut` | long texts in segments |
//! | `texts`, `jsonl`, `parquet` | from bytes to texts, on all threads |
//! | `fate` | which part a document belongs to |
//! | `scan`, `vocabulary` | what must be known of the whole text first; the tokenizer |
//! | `encode` | from texts to tokens |
//! | `pipeline` | one reader, many workers, one writer |
//! | `writer`, `journal` | shards that survive a kill |
//! | `fault`, `progress`, `report`, `space` | what is said to people |
//!
//! What this module leaves out: cleaning text, finding near duplicates, and mixing sources in
//! given shares. Each of them is a step of its own, before this one.

mod cut;
mod decode;
mod encode;
mod fate;
mod fault;
mod inputs;
mod journal;
mod jsonl;
mod kind;
mod marker;
#[cfg(feature = "parquet")]
mod parquet;
mod pipeline;
mod progress;
mod report;
mod run;
mod scan;
mod settings;
mod space;
mod special;
mod texts;
mod vocabulary;
mod walk;
mod writer;

use std::sync::atomic::AtomicU64;

use stage01_bigram::Result;
use stage01_bigram::tokenizer::Tokenizer;
use stage03_gpt::cli::screen::Screen;

use self::inputs::Inputs;
use self::journal::Plan;
use self::run::{Run, State};
pub use self::settings::{COMMIT_BYTES, OnError, SHARD_TOKENS, Settings};
pub use self::special::SpecialTokens;
use crate::manifest::{Manifest, TOKENIZER_FILE};

/// Makes a folder of tokens, or goes on with one that was interrupted. A folder that is finished
/// is left as it is.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot be; [`Error::Format`] for a folder that holds
/// something else; [`Error::Text`] for the first fault in the inputs, unless they are skipped;
/// [`Error::File`] when something cannot be read or written. The same command goes on, once what
/// was in its way is mended.
///
/// [`Error::Setting`]: stage01_bigram::Error::Setting
/// [`Error::Format`]: stage01_bigram::Error::Format
/// [`Error::Text`]: stage01_bigram::Error::Text
/// [`Error::File`]: stage01_bigram::Error::File
pub fn prepare(settings: &Settings, screen: &Screen) -> Result<Manifest> {
    settings.check()?;
    let inputs = Inputs::find(&settings.input, &settings.out)?;
    let given = settings.given_tokenizer()?;
    let marker = settings.marker(given.as_ref())?;
    let end_token = given.as_ref().and_then(Tokenizer::end_of_text_token);
    let flags = settings.flags(end_token.map(|(_, content)| content))?;
    let plan = Plan::new(flags, inputs.stamps());
    let read = AtomicU64::new(0);
    let (given, marker) = (given.as_ref(), marker.as_deref());
    let run = Run { settings, given, marker, inputs: &inputs, plan: &plan, screen, read: &read };
    let journal = match run.look()? {
        Some(State::Finished(manifest)) => return Ok(*manifest),
        Some(State::Interrupted(journal)) => Some(*journal),
        None => None,
    };
    run.introduce();
    let (journal, tokenizer) = match journal {
        Some(journal) => (journal, Tokenizer::load(&settings.out.join(TOKENIZER_FILE))?),
        None => run.begin()?,
    };
    run.encode(journal, &tokenizer)
}
