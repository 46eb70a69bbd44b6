//! Prepares text of any size as files of tokens.
//!
//! Training reads tokens, and reads them many times. So text is encoded once, before training, and
//! 45 gigabytes are handled like 45 megabytes: no text is in memory as a whole, all cores work, and
//! a killed command continues where it was.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings`, `preparation` | the settings, and the command from its start to its end |
//! | `inputs` | the list of input files |
//! | `kind`, `layout`, `decode` | the type of a file; the layout of its JSON; gzip, xz, zstd |
//! | `walk` | documents in nested archives |
//! | `marker`, `special` | documents inside of a text; special tokens that it spells |
//! | `cut` | segments of long texts |
//! | `texts`, `jsonl`, `parquet` | bytes to texts, on all threads |
//! | `split` | the rule that assigns documents to training and validation |
//! | `scan`, `vocabulary` | a scan of the whole text; the tokenizer |
//! | `encode` | texts to tokens |
//! | `pipeline` | one reader, many workers, one writer |
//! | `output_directory` | one run at a time in a directory |
//! | `writer`, `journal` | shards that survive a kill |
//! | `fault`, `report`, `space` | messages to the user |
//!
//! ```
//! use stage04_training::prepare::{Settings, prepare};
//! use stage04_training::progress::Silent;
//!
//! let directory = tempfile::tempdir().unwrap();
//! let input = directory.path().join("text.txt");
//! let sentence = "In the beginning God created the heaven and the earth. ";
//! std::fs::write(&input, sentence.repeat(20)).unwrap();
//! let settings = Settings {
//!     input: vec![input],
//!     out: directory.path().join("tokens"),
//!     tokenizer: "char".parse()?,
//!     ..Settings::default()
//! };
//! let manifest = prepare(&settings, &Silent)?;
//! assert_eq!(manifest.train.tokens + manifest.validation.tokens, 1100);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this module leaves out: cleaning text, finding near duplicates, and mixing sources in
//! given proportions. Each of them is a separate step before this one.

#[cfg(test)]
#[path = "../../tests/common/archives.rs"]
mod archives;
mod cut;
mod decode;
mod encode;
mod fault;
#[doc(hidden)]
pub mod fuzz;
mod inputs;
mod journal;
mod jsonl;
pub(crate) mod kind;
mod layout;
pub(crate) mod marker;
mod output_directory;
#[cfg(feature = "parquet")]
mod parquet;
mod pipeline;
mod preparation;
mod report;
mod scan;
mod settings;
mod space;
mod special;
mod split;
mod texts;
mod vocabulary;
mod walk;
mod writer;

use std::sync::atomic::AtomicU64;

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use self::inputs::{Inputs, Source};
use self::journal::PreparePlan;
pub use self::journal::check_texts;
pub use self::kind::Format;
use self::output_directory::OutputDirectory;
use self::preparation::{Preparation, State};
pub use self::settings::{COMMIT_BYTES, OnError, SHARD_TOKENS, Settings, SpecialTokens};
use crate::manifest::Manifest;
use crate::progress::Reporter;

/// Creates a directory of tokens, or continues an interrupted one. A finished directory is not
/// changed; its checksums are compared. The lock of the directory is held throughout.
///
/// # Errors
/// [`Error::Busy`] when another program uses the directory; [`Error::Setting`] for invalid
/// settings; [`Error::Format`] for a directory with other content, or one that was altered;
/// [`Error::Text`] for the first fault in the inputs, unless faults are skipped; [`Error::File`]
/// when something cannot be read or written. After the cause is fixed, the same command continues.
pub fn prepare(settings: &Settings, reporter: &dyn Reporter) -> Result<Manifest> {
    settings.check()?;
    start_rayon(settings)?;
    let mut output = OutputDirectory::new(&settings.out)?;
    let skip_loops = settings.on_error == OnError::Skip;
    let inputs = Inputs::find(&settings.input, &settings.out, settings.format, skip_loops)?;
    keep_apart(settings, &inputs)?;
    let given = settings.given_tokenizer()?;
    let marker = settings.marker(given.as_ref())?;
    let end_token = given.as_ref().and_then(Tokenizer::end_of_text_token);
    let flags = settings.flags(end_token.map(|(_, content)| content))?;
    let plan = PreparePlan::new(flags, inputs.stamps());
    let read = AtomicU64::new(0);
    let (given, marker) = (given.as_ref(), marker.as_deref());
    let (inputs, plan, read) = (&inputs, &plan, &read);
    let run = Preparation { settings, given, marker, inputs, plan, reporter, read };
    let journal = match run.inspect(&mut output)? {
        Some(State::Finished(manifest)) => return Ok(*manifest),
        Some(State::Interrupted(journal)) => Some(*journal),
        None => None,
    };
    report::introduce(reporter, inputs);
    let (journal, tokenizer) = match journal {
        Some(journal) => run.resume(journal)?,
        None => run.begin(&output)?,
    };
    run.encode(journal, &tokenizer, &output)
}

/// Starts rayon's threads, on which the vocabulary is trained. Otherwise they would start
/// implicitly, with a panic if the operating system refuses.
fn start_rayon(settings: &Settings) -> Result<()> {
    use std::error::Error as _;
    match rayon::ThreadPoolBuilder::new().build_global() {
        // An error without a source means that they already run.
        Err(error) if error.source().is_some() => Err(refused_threads(settings.threads(), &error)),
        _ => Ok(()),
    }
}

/// The error if the operating system refuses more threads.
fn refused_threads(threads: usize, error: &dyn std::error::Error) -> Error {
    let expected = format!(
        "the operating system refused to start them: {error}; give fewer, or raise the limit \
         (`ulimit -u` shows it)"
    );
    Error::setting("--threads", threads, expected)
}

/// Refuses an input file that the run would overwrite.
fn keep_apart(settings: &Settings, inputs: &Inputs) -> Result<()> {
    let out = std::fs::canonicalize(&settings.out).map_err(Error::file("read", &settings.out))?;
    for input in &inputs.files {
        let Source::File { path, .. } = &input.source else { continue };
        let Ok(path) = std::fs::canonicalize(path) else { continue };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.parent() == Some(&out) && journal::is_ours(&name) {
            let expected = "`prepare` writes a file of this name there; name another --out";
            return Err(Error::setting("--input", &input.name, expected));
        }
    }
    Ok(())
}
