//! `prepare`: its flags. The work is in [`crate::prepare`].

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
/// Text may be plain (.txt), JSON (.jsonl, .json), or Parquet; compressed with gzip, xz or zstd; in
/// tar archives, also nested ones. The first bytes of a file determine its type before its name
/// does. Files that are not text are refused; in a directory, files with other suffixes (.md, .pdf)
/// are left out and counted. Text is never in memory as a whole, and all cores work on it. An
/// interrupted or killed command is simply run again: it continues, and the result is the same to
/// the byte. Without --input it reads the built-in King James Bible.
#[derive(Clone, Debug, Args)]
#[command(args_override_self = true)]
pub struct Flags {
    /// Files, directories (with all text files in them) or patterns such as 'wiki/*.jsonl.zst'.
    /// Pipes are not read, because a text may be read twice.
    /// [default: the built-in text]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    input: Vec<PathBuf>,

    /// The directory to create, with the shards, tokenizer.json and manifest.json.
    #[arg(long, value_name = "DIR", default_value = "out/tokens")]
    out: PathBuf,

    /// The tokenizer: gpt2, the path of a tokenizer.json or of a directory that has one, char
    /// (every character of the text), or bpe:SIZE, trained on 32 MB of the text. SIZE includes the
    /// end-of-text token; a single document has none.
    #[arg(long, value_name = "KIND", default_value = "bpe:4096")]
    tokenizer: String,

    /// What to do where the text spells a special token. A special token is one that is not learned
    /// from text, such as <|endoftext|>, which text files often have between documents. tokens:
    /// read it as that token; the end-of-text token ends a document. text: read it letter by
    /// letter, for texts about special tokens. error: stop the command. The report says how many
    /// were found.
    #[arg(long, value_name = "AS", default_value = "tokens")]
    special_tokens: Special,

    /// The token at the end of each document, such as `</s>`: one of the vocabulary, or, with
    /// bpe:SIZE, the spelling of its last token. [default: the end-of-text token of the tokenizer
    /// or of a config file beside it; <|endoftext|> with bpe:SIZE]
    #[arg(long, value_name = "TOKEN")]
    end_token: Option<String>,

    /// The format of a file after decompression: text (one document), jsonl (one document per
    /// line), json (one document per object, in a list or over several lines), or auto: JSON if
    /// the file begins like JSON, otherwise text.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    format: String,

    /// The field of a JSON object, or the column of Parquet, that has the text. A field inside a
    /// field is named with a dot: meta.text.
    #[arg(long, value_name = "NAME", default_value = "text")]
    field: String,

    /// The validation set: some documents, chosen by a hash of their text, or the tail of the
    /// whole text. [default: document; tail for a single document]
    #[arg(long, value_name = "HOW")]
    split: Option<How>,

    /// The fraction of the text for validation. [default: with tail 0.1; with document about
    /// 10 MB, limited to the range from 0.0005 to 0.1]
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    validation: Option<f64>,

    /// The fraction of the documents to use, such as 1%. The choice is the same every time, and a
    /// larger sample contains a smaller one.
    #[arg(long, value_name = "FRACTION", default_value = "100%", value_parser = fraction)]
    sample: f64,

    /// The maximum number of tokens in one file.
    #[arg(long, value_name = "N", default_value_t = SHARD_TOKENS)]
    shard_tokens: u64,

    /// What to do about text that cannot be used: stop, or skip and list it.
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    on_error: Reaction,

    /// The number of threads; the result does not depend on it. [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Start even if the disk seems too small.
    #[arg(long)]
    force: bool,

    /// Delete what is in the directory, finished or not, and start over.
    #[arg(long)]
    restart: bool,

    /// Do not compare the checksums of a finished directory.
    #[arg(long)]
    no_verify: bool,

    /// Number of bytes of tokens between commits; for tests.
    #[arg(long, value_name = "N", default_value_t = COMMIT_BYTES, hide = true)]
    commit_bytes: u64,

    /// Time to sleep after a commit, in milliseconds; for tests.
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    pause_ms: u64,
}

/// Values of `--split`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    Document,
    Tail,
}

/// Values of `--on-error`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reaction {
    Stop,
    Skip,
}

/// Values of `--special-tokens`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Special {
    Tokens,
    Text,
    Error,
}

impl Flags {
    /// The settings of these flags.
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

/// Parses a fraction: `0.01` or `1%`.
fn fraction(word: &str) -> std::result::Result<f64, Error> {
    let (number, scale) = match word.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (word, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number / scale),
        _ => Err(Error::setting("a fraction", word, "expected a number such as 0.01, or 1%")),
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
    fn flags_are_parsed() {
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
    fn invalid_flags_are_refused() {
        let error = settings("--format csv").unwrap_err().to_string();
        assert_eq!(error, "--format = csv: expected auto, text, jsonl or json");
        assert!(settings("--tokenizer gtp2").unwrap_err().to_string().contains("mean gpt2?"));
        for line in ["--sample some", "--sample NaN", "--split odd", "--shard-tokens -1"] {
            let words = std::iter::once("prepare").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
