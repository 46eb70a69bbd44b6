//! From text of any size to files of tokens.
//!
//! A model does not read text, it reads tokens, millions of times. So text becomes tokens once,
//! before training, and 45 gigabytes of it are no different from 45 megabytes: nothing is ever
//! in memory as a whole, all cores work, and a command that was killed goes on where it was.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings`, `preparation` | what is asked for, and the command from its beginning to its end |
//! | `inputs` | from what a user names to a sorted list of files |
//! | `kind`, `layout`, `decode` | what a file is; how its JSON is laid out; gzip, xz, zstd |
//! | `walk` | through archives in archives to documents |
//! | `marker`, `special` | documents inside of a text; special tokens that it spells |
//! | `cut` | long texts in segments |
//! | `texts`, `jsonl`, `parquet` | from bytes to texts, on all threads |
//! | `split` | the rule that assigns documents to training and validation |
//! | `scan`, `vocabulary` | what must be known of the whole text first; the tokenizer |
//! | `encode` | from texts to tokens |
//! | `pipeline` | one reader, many workers, one writer |
//! | `output_directory` | one run at a time in a directory |
//! | `writer`, `journal` | shards that survive a kill |
//! | `fault`, `report`, `space` | what is said to people |
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
//! given proportions. Each of them is a step of its own, before this one.

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
mod kind;
mod layout;
mod marker;
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

/// Makes a directory of tokens, or goes on with one that was interrupted. A directory that is
/// finished is left as it is, and its checksums are compared. From the first look to the last
/// file the lock of the directory is held.
///
/// # Errors
/// [`Error::Busy`] when another program is at work in the directory; [`Error::Setting`] for
/// settings that cannot be; [`Error::Format`] for a directory that holds something else, or was
/// altered; [`Error::Text`] for the first fault in the inputs, unless they are skipped;
/// [`Error::File`] when something cannot be read or written. The same command goes on, once what
/// was in its way is mended.
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
    let journal = match run.look(&mut output)? {
        Some(State::Finished(manifest)) => return Ok(*manifest),
        Some(State::Interrupted(journal)) => Some(*journal),
        None => None,
    };
    report::introduce(reporter, inputs);
    let (journal, tokenizer) = match journal {
        Some(journal) => run.go_on(journal)?,
        None => run.begin(&output)?,
    };
    run.encode(journal, &tokenizer, &output)
}

/// The vocabulary is trained on rayon's threads, which would be started unasked, and with a panic
/// where the operating system gives none.
fn start_rayon(settings: &Settings) -> Result<()> {
    use std::error::Error as _;
    match rayon::ThreadPoolBuilder::new().build_global() {
        // Without a source it is only that they run already.
        Err(error) if error.source().is_some() => Err(refused_threads(settings.threads(), &error)),
        _ => Ok(()),
    }
}

/// The error where the operating system gives no more threads.
fn refused_threads(threads: usize, error: &dyn std::error::Error) -> Error {
    let expected = format!(
        "the operating system refused to start them: {error}; give fewer, or ask for the right to \
         run more (`ulimit -u` says how many)"
    );
    Error::setting("--threads", threads, expected)
}

/// What is written must not be what is read.
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
