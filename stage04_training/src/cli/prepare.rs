//! `prepare`: text of any size becomes files of tokens. The work is in [`crate::prepare`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::{Error, Result};
use stage03_gpt::cli::screen::Screen;

use crate::manifest::SplitBy;
use crate::prepare::{self, COMMIT_BYTES, OnError, SHARD_TOKENS, Settings, SpecialTokens};

/// Turn text of any size into files of tokens, once, before training.
///
/// Text may be regular files (.txt), JSON (.jsonl, .json), or Parquet; compressed with gzip, xz or
/// zstd; in tar archives, also in archives inside of archives. The first bytes of a file say what
/// it is, before its name does. What is no text is refused; in a directory, files with the names
/// of other things (.md, .pdf) are left out and counted. Text is never in memory as a whole, and
/// all cores work on it. A command that was interrupted, however suddenly, is simply
/// given again: it goes on, and the result is the same to the byte. Without --input it is the
/// King James Bible, which is built in.
#[derive(Clone, Debug, Args)]
#[command(args_override_self = true)]
pub struct Flags {
    /// Files, directories (with all the text that is in them) or patterns such as
    /// 'wiki/*.jsonl.zst'. Pipes are not read: a text may be needed twice.
    /// [default: the built-in text]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    input: Vec<PathBuf>,

    /// The directory to make: the shards, tokenizer.json and manifest.json.
    #[arg(long, value_name = "DIR", default_value = "out/tokens")]
    out: PathBuf,

    /// The vocabulary: gpt2, the path of a tokenizer.json or of a directory that has one, char
    /// (every character of the text), or bpe:SIZE, trained on 32 MB of the text. SIZE counts the
    /// token at the end of each document; for a single document there is none.
    #[arg(long, value_name = "KIND", default_value = "bpe:4096")]
    tokenizer: String,

    /// How special tokens are read where the text spells them. A special token is one that is not
    /// learned from text, such as <|endoftext|>, which files of text often have between documents.
    /// tokens: as that token, and the end-of-text token ends a document. text: letter by letter,
    /// for texts that speak about special tokens. error: not at all, the command ends there. The
    /// report says how many were found.
    #[arg(long, value_name = "AS", default_value = "tokens")]
    special_tokens: Special,

    /// The token at the end of each document, such as `</s>`: one that the vocabulary has, or,
    /// with bpe:SIZE, the spelling of its last token. [default: the one that the tokenizer, or a
    /// config file beside it, calls its end of text; <|endoftext|> with bpe:SIZE]
    #[arg(long, value_name = "TOKEN")]
    end_token: Option<String>,

    /// What a file holds once it is unpacked: text (it is one document), jsonl (a document a
    /// line), json (a document an object: in a list, or over several lines), or auto: what
    /// begins as JSON does is JSON, all else is text.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    format: String,

    /// The field of a JSON object, or the column of Parquet, that has the text. A field inside a
    /// field is named with a dot: meta.text.
    #[arg(long, value_name = "NAME", default_value = "text")]
    field: String,

    /// The validation set: some documents, chosen by a hash of their text, or the tail of the
    /// whole text. [default: document; tail where there is a single document]
    #[arg(long, value_name = "HOW")]
    split: Option<How>,

    /// The fraction of the validation set. [default: 0.1 of the tail; of the documents about
    /// 10 MB, but from 0.0005 to 0.1]
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    validation: Option<f64>,

    /// The fraction of the documents to take, such as 1%. The same ones every time, and all of
    /// them are in every larger sample.
    #[arg(long, value_name = "PART", default_value = "100%", value_parser = fraction)]
    sample: f64,

    /// The most tokens in one file.
    #[arg(long, value_name = "N", default_value_t = SHARD_TOKENS)]
    shard_tokens: u64,

    /// What to do about text that cannot be used: stop, or skip it and list it.
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    on_error: Reaction,

    /// The number of threads; the result does not depend on it. [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Begin although the disk seems too small.
    #[arg(long)]
    force: bool,

    /// Throw away what is in the directory, finished or not, and begin again.
    #[arg(long)]
    restart: bool,

    /// Do not compare the checksums of a directory that is finished already.
    #[arg(long)]
    no_verify: bool,

    /// After how many bytes of tokens the work is made safe; for tests.
    #[arg(long, value_name = "N", default_value_t = COMMIT_BYTES, hide = true)]
    commit_bytes: u64,

    /// How long to sleep after that, in milliseconds; for tests.
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    pause_ms: u64,
}

/// The words of `--split`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    Document,
    Tail,
}

/// The words of `--on-error`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reaction {
    Stop,
    Skip,
}

/// The words of `--special-tokens`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Special {
    Tokens,
    Text,
    Error,
}

impl Flags {
    /// What they ask for.
    ///
    /// # Errors
    /// [`Error::Setting`] for a tokenizer or a format that does not exist.
    pub fn settings(&self) -> Result<Settings> {
        let tokenizer: TokenizerKind = self.tokenizer.parse()?;
        Ok(Settings {
            input: self.input.clone(),
            format: self.format.parse()?,
            field: self.field.clone(),
            tokenizer,
            special_tokens: match self.special_tokens {
                Special::Tokens => SpecialTokens::Tokens,
                Special::Text => SpecialTokens::Text,
                Special::Error => SpecialTokens::Error,
            },
            end_token: self.end_token.clone(),
            out: self.out.clone(),
            split: self.split.map(|how| match how {
                How::Document => SplitBy::Document,
                How::Tail => SplitBy::Tail,
            }),
            validation: self.validation,
            sample: self.sample,
            shard_tokens: self.shard_tokens,
            on_error: match self.on_error {
                Reaction::Stop => OnError::Stop,
                Reaction::Skip => OnError::Skip,
            },
            threads: self.threads,
            force: self.force,
            restart: self.restart,
            verify: !self.no_verify,
            commit_bytes: self.commit_bytes,
            pause_ms: self.pause_ms,
        })
    }
}

/// Runs the command.
///
/// # Errors
/// Those of [`prepare::prepare`].
pub fn prepare(flags: &Flags) -> Result<ExitCode> {
    let screen = Screen::new();
    prepare::prepare(&flags.settings()?, &screen)?;
    screen.end()
}

/// A part of a whole: `0.01` or `1%`.
fn fraction(word: &str) -> std::result::Result<f64, Error> {
    let (number, scale) = match word.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (word, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number / scale),
        _ => Err(Error::setting("a part", word, "expected a number such as 0.01, or 1%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::Format;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        flags: Flags,
    }

    fn settings(line: &str) -> Result<Settings> {
        let words = std::iter::once("prepare").chain(line.split_whitespace());
        Cli::try_parse_from(words).unwrap().flags.settings()
    }

    #[test]
    fn without_flags_they_are_the_default_settings() {
        assert_eq!(settings("").unwrap(), Settings::default());
    }

    #[test]
    fn flags_are_understood() {
        let special = settings("--special-tokens text --end-token </s>").unwrap();
        assert_eq!(special.special_tokens, SpecialTokens::Text);
        assert_eq!(special.end_token.as_deref(), Some("</s>"));
        let line = "--input a b --sample 1% --validation 0.0005 --split tail --on-error skip \
                    --format json";
        let settings = settings(line).unwrap();
        assert_eq!(settings.format, Format::Json);
        assert_eq!(settings.input, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!((settings.sample, settings.validation), (0.01, Some(0.0005)));
        assert_eq!((settings.split, settings.on_error), (Some(SplitBy::Tail), OnError::Skip));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let error = settings("--format csv").unwrap_err().to_string();
        assert_eq!(error, "--format = csv: expected auto, text, jsonl or json");
        assert!(settings("--tokenizer gtp2").unwrap_err().to_string().contains("mean gpt2?"));
        for line in ["--sample some", "--sample NaN", "--split odd", "--shard-tokens -1"] {
            let words = std::iter::once("prepare").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
