//! The settings of `prepare`, and which of them affect the result.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use stage01_bigram::tokenizer::{DEFAULT_BPE_SIZE, END_OF_TEXT, TokenizerKind};
use stage01_bigram::{Error, Result};
use stage03_gpt::trainer::{check_threads, cores};
use xxhash_rust::xxh3::xxh3_64;

use super::kind::Format;
use crate::manifest::SplitBy;
use crate::units::number;

/// The default number of tokens per shard: 200 MB at two bytes per token.
pub const SHARD_TOKENS: u64 = 100_000_000;

/// The default number of bytes of tokens between commits.
pub const COMMIT_BYTES: u64 = 64 << 20;

/// What to do about a fault in the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// End the command.
    Stop,
    /// Skip, count and list it.
    Skip,
}

/// How special tokens that a text spells are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpecialTokens {
    /// As those tokens; the end-of-text token ends a document.
    #[default]
    Tokens,
    /// As ordinary text.
    Text,
    /// They are faults.
    Error,
}

impl SpecialTokens {
    /// The value of `--special-tokens`.
    pub fn word(self) -> &'static str {
        match self {
            SpecialTokens::Tokens => "tokens",
            SpecialTokens::Text => "text",
            SpecialTokens::Error => "error",
        }
    }
}

/// The settings of a run. [`Settings::default`] prepares the built-in text.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Files, directories and patterns; if empty, the built-in text.
    pub input: Vec<PathBuf>,
    /// How files are read that are neither archives nor compressed.
    pub format: Format,
    /// The field of JSON lines, or the column of Parquet, that has the text.
    pub field: String,
    /// The tokenizer.
    pub tokenizer: TokenizerKind,
    /// How special tokens that a text spells are read.
    pub special_tokens: SpecialTokens,
    /// The spelling of the token that ends a document. `None`: the tokenizer's, or
    /// `<|endoftext|>` for one that is trained.
    pub end_token: Option<String>,
    /// The directory to create.
    pub out: PathBuf,
    /// How the text is split. `None`: by document, or by position if there is only one.
    pub split: Option<SplitBy>,
    /// The fraction for validation. `None`: a tenth, or less of a large text.
    pub validation: Option<f64>,
    /// The fraction of documents to use.
    pub sample: f64,
    /// The most tokens of a shard.
    pub shard_tokens: u64,
    /// What to do about faults in the inputs.
    pub on_error: OnError,
    /// The number of threads. `None`: all cores.
    pub threads: Option<usize>,
    /// Whether to start even if the disk seems too small.
    pub force: bool,
    /// Whether to replace an existing run in the directory.
    pub restart: bool,
    /// Whether to compare the checksums of a finished directory.
    pub verify: bool,
    /// The number of bytes of tokens between commits.
    pub commit_bytes: u64,
    /// The time to sleep after a commit, in milliseconds, so that tests can kill a run.
    pub pause_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            input: Vec::new(),
            format: Format::Auto,
            field: "text".into(),
            tokenizer: TokenizerKind::Bpe { vocab_size: DEFAULT_BPE_SIZE },
            special_tokens: SpecialTokens::default(),
            end_token: None,
            out: PathBuf::from("out/tokens"),
            split: None,
            validation: None,
            sample: 1.0,
            shard_tokens: SHARD_TOKENS,
            on_error: OnError::Stop,
            threads: None,
            force: false,
            restart: false,
            verify: true,
            commit_bytes: COMMIT_BYTES,
            pause_ms: 0,
        }
    }
}

impl Settings {
    /// Refuses invalid settings.
    pub(super) fn check(&self) -> Result<()> {
        if !(self.sample > 0.0 && self.sample <= 1.0) {
            let expected = "expected a fraction of the documents, such as 1% or 0.01, at most 100%";
            return Err(Error::setting("--sample", number(self.sample), expected));
        }
        if let Some(fraction) = self.validation
            && !(0.0..1.0).contains(&fraction)
        {
            let expected = "expected a fraction of at least 0 and below 1, such as 0.0005";
            return Err(Error::setting("--validation", number(fraction), expected));
        }
        if self.shard_tokens == 0 {
            return Err(Error::setting("--shard-tokens", 0, "it must be at least 1"));
        }
        check_threads(self.threads())?;
        if let TokenizerKind::Bpe { vocab_size } = self.tokenizer
            && vocab_size < 257
        {
            let expected = "a byte-level vocabulary has the 256 bytes and the end-of-text token; \
                            give at least 257, such as bpe:4096";
            return Err(Error::setting("--tokenizer", &self.tokenizer, expected));
        }
        Ok(())
    }

    /// The flags that affect the result.
    ///
    /// end_token: the spelling of the token that ends a document, if it is known.
    pub(super) fn flags(&self, end_token: Option<&str>) -> Result<BTreeMap<String, Value>> {
        let names: Vec<_> = self.input.iter().map(|path| path.display().to_string()).collect();
        let mut flags = BTreeMap::from([
            ("input".to_string(), json!(names)),
            ("field".into(), json!(self.field)),
            ("tokenizer".into(), json!(self.tokenizer.to_string())),
            ("split".into(), json!(self.split)),
            ("validation".into(), json!(self.validation)),
            ("sample".into(), json!(self.sample)),
            ("shard_tokens".into(), json!(self.shard_tokens)),
            (
                "on_error".into(),
                json!(if self.on_error == OnError::Skip { "skip" } else { "stop" }),
            ),
        ]);
        // A default is left out: data of versions without the flag must stay valid.
        if self.format != Format::Auto {
            flags.insert("format".into(), json!(self.format.to_string()));
        }
        // The same for these two flags.
        if self.special_tokens != SpecialTokens::default() {
            flags.insert("special_tokens".into(), json!(self.special_tokens.word()));
        }
        if let Some(content) = end_token.or(self.end_token.as_deref())
            && (self.end_token.is_some() || content != END_OF_TEXT)
        {
            flags.insert("end_token".into(), json!(content));
        }
        if let TokenizerKind::File(path) = &self.tokenizer {
            // A file of the same name may be another one.
            let sum = xxh3_64(&std::fs::read(path).map_err(Error::file("read", path))?);
            flags.insert("tokenizer_xxh3".into(), json!(format!("{sum:016x}")));
        }
        Ok(flags)
    }

    /// The number of threads.
    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(cores)
    }
}
