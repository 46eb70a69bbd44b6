//! What is asked for: the settings of `prepare`, and which of them make a difference.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use stage01_bigram::tokenizer::{DEFAULT_BPE_SIZE, END_OF_TEXT, TokenizerKind};
use stage01_bigram::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

use super::kind::Format;
use crate::manifest::SplitBy;
use crate::units::number;

/// How many tokens a shard holds unless told otherwise: 200 MB in two bytes each.
pub const SHARD_TOKENS: u64 = 100_000_000;

/// After how many bytes of tokens a run makes safe what it has, unless told otherwise.
pub const COMMIT_BYTES: u64 = 64 << 20;

/// More threads than any machine has cores, as in training.
const MOST_THREADS: usize = 1024;

/// What to do about something that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// End the command.
    Stop,
    /// Leave it out, count it, list it.
    Skip,
}

/// What becomes of special tokens that a text spells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpecialTokens {
    /// They are those tokens; the end-of-text token ends a document.
    #[default]
    Tokens,
    /// They are ordinary text.
    Text,
    /// They are faults.
    Error,
}

impl SpecialTokens {
    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            SpecialTokens::Tokens => "tokens",
            SpecialTokens::Text => "text",
            SpecialTokens::Error => "error",
        }
    }
}

/// What to make from what. [`Settings::default`] makes the built-in text tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Files, directories and patterns; nothing means the built-in text.
    pub input: Vec<PathBuf>,
    /// How files are read that are neither archives nor compressed.
    pub format: Format,
    /// The field of JSON lines, or the column of Parquet, that has the text.
    pub field: String,
    /// The vocabulary.
    pub tokenizer: TokenizerKind,
    /// What becomes of special tokens that a text spells.
    pub special_tokens: SpecialTokens,
    /// The spelling of the token that ends a document. `None`: the tokenizer's, or
    /// `<|endoftext|>` for one that is trained.
    pub end_token: Option<String>,
    /// The directory to make.
    pub out: PathBuf,
    /// How the text is divided. `None`: by document, or by place where there is only one.
    pub split: Option<SplitBy>,
    /// The fraction of the validation set. `None`: a tenth, or less of much text.
    pub validation: Option<f64>,
    /// The fraction of documents to take at all.
    pub sample: f64,
    /// The most tokens of a shard.
    pub shard_tokens: u64,
    /// What to do about faults in the inputs.
    pub on_error: OnError,
    /// The number of threads. `None`: all cores.
    pub threads: Option<usize>,
    /// Whether to begin although the disk seems too small.
    pub force: bool,
    /// Whether to begin again where something is in the directory already.
    pub restart: bool,
    /// Whether the checksums of a directory that is finished already are compared.
    pub verify: bool,
    /// After how many bytes of tokens what there is is made safe.
    pub commit_bytes: u64,
    /// How long to sleep after that, in milliseconds: tests kill a run that would be too quick.
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
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if !(self.sample > 0.0 && self.sample <= 1.0) {
            let expected = "expected a part of the documents, such as 1% or 0.01, at most 100%";
            return Err(Error::setting("--sample", number(self.sample), expected));
        }
        if let Some(fraction) = self.validation
            && !(0.0..1.0).contains(&fraction)
        {
            let expected = "expected a fraction from 0 up to 1, 1 itself excluded, such as 0.0005";
            return Err(Error::setting("--validation", number(fraction), expected));
        }
        if self.shard_tokens == 0 {
            return Err(Error::setting("--shard-tokens", 0, "it must be at least 1"));
        }
        let threads = self.threads();
        if !(1..=MOST_THREADS).contains(&threads) {
            let expected =
                format!("choose from 1 to {MOST_THREADS}; more than the machine has cores is slow");
            return Err(Error::setting("--threads", threads, expected));
        }
        if let TokenizerKind::Bpe { vocab_size } = self.tokenizer
            && vocab_size < 257
        {
            let expected = "a byte-level vocabulary begins with the 256 bytes, and the end of a \
                            document is a token, too; give at least 257, such as bpe:4096";
            return Err(Error::setting("--tokenizer", &self.tokenizer, expected));
        }
        Ok(())
    }

    /// The flags that make a difference to the result.
    ///
    /// end_token: how the token is spelled that ends a document, if that was looked for.
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
        // Data that was prepared before there was a rule is still the same.
        if self.format != Format::Auto {
            flags.insert("format".into(), json!(self.format.to_string()));
        }
        // Without these two flags a directory is as it was before there were any.
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
        self.threads.unwrap_or_else(|| stage03_gpt::trainer::cores().min(MOST_THREADS))
    }
}
