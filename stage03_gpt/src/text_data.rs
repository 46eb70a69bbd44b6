//! A text in memory, tokenized and split into a training set and a validation set.
//!
//! ```
//! use stage01_bigram::{corpus::Corpus, tokenizer::TokenizerKind};
//! use stage03_gpt::text_data::TextData;
//!
//! let corpus = Corpus::built_in();
//! let tokenizer = TokenizerKind::Char.train(&corpus.text)?;
//! let data = TextData::new(&corpus, &tokenizer, 64)?;
//! assert!(data.train.len() > 8 * data.validation.len());
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: texts larger than memory (stage 4's `shards`).

use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{self, Dataset};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

/// The part of a text that is the training set; the rest is the validation set.
const TRAIN_FRACTION: f64 = 0.9;

/// The training set and the validation set of a text, as tokens.
pub struct TextData {
    /// The first 90 % of the text.
    pub train: Dataset,
    /// The last 10 %, held out: no weight ever learns from it.
    pub validation: Dataset,
    /// The mean number of bytes per token in the validation set.
    pub bytes_per_token: f64,
    /// Where the text came from.
    pub origin: String,
    /// The length of the whole text in bytes.
    pub bytes: usize,
    /// A hash of the text, to recognise it when a run is resumed.
    pub fingerprint: String,
}

impl TextData {
    /// Splits a text and tokenizes both parts. A special token that is spelled in it, such as
    /// `<|endoftext|>` between documents, becomes that token.
    ///
    /// # Errors
    /// When a part is shorter than a window, or has a character the tokenizer does not know.
    pub fn new(corpus: &Corpus, tokenizer: &Tokenizer, block_size: usize) -> Result<Self> {
        let (train, validation) = split(corpus)?;
        let bytes = validation.len();
        let train = Dataset::new(tokenizer.encode_with_special(train)?, block_size)?;
        let validation = Dataset::new(tokenizer.encode_with_special(validation)?, block_size)?;
        Ok(TextData {
            bytes_per_token: bytes as f64 / validation.len() as f64,
            train,
            validation,
            origin: corpus.origin.clone(),
            bytes: corpus.text.len(),
            fingerprint: fingerprint(&corpus.text),
        })
    }
}

/// The training part of a text, and the validation part.
///
/// # Errors
/// [`Error::Text`] when the text is too short to be split.
pub fn split(corpus: &Corpus) -> Result<(&str, &str)> {
    dataset::split(&corpus.text, TRAIN_FRACTION).map_err(|_| {
        let problem = "it is too short: a tenth of it is held out for validation";
        Error::text(&corpus.origin, problem, "give a text of some thousand characters at least")
    })
}

/// A hash of a text: FNV-1a (Fowler, Noll and Vo 1991).
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
