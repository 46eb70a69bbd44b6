//! A text, cut in two and made into tokens.

use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{self, Dataset};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

/// The part of a text that is learned; the rest is only measured.
const TRAIN_FRACTION: f64 = 0.9;

/// The two parts of a text as tokens.
pub struct Data {
    /// What is learned.
    pub train: Dataset,
    /// What is only measured.
    pub validation: Dataset,
    /// How many bytes of text a token stands for, in the validation part.
    pub bytes_per_token: f64,
    /// Where the text came from.
    pub origin: String,
    /// How long the whole text is.
    pub bytes: usize,
    /// Tells this text from any other.
    pub fingerprint: String,
}

impl Data {
    /// Cuts a text and makes both parts tokens. A special token that it spells, such as
    /// `<|endoftext|>` between documents, is that token.
    ///
    /// # Errors
    /// When a part is shorter than a window, or has a character the tokenizer does not know.
    pub fn new(corpus: &Corpus, tokenizer: &Tokenizer, block_size: usize) -> Result<Data> {
        let (train, validation) = split(corpus)?;
        let bytes = validation.len();
        let train = Dataset::new(tokenizer.encode_with_special(train)?, block_size)?;
        let validation = Dataset::new(tokenizer.encode_with_special(validation)?, block_size)?;
        Ok(Data {
            bytes_per_token: bytes as f64 / validation.len() as f64,
            train,
            validation,
            origin: corpus.origin.clone(),
            bytes: corpus.text.len(),
            fingerprint: fingerprint(&corpus.text),
        })
    }
}

/// The part of a text that is learned, and the part that is only measured.
///
/// # Errors
/// [`Error::Text`] when the text is too short to be cut.
pub fn split(corpus: &Corpus) -> Result<(&str, &str)> {
    dataset::split(&corpus.text, TRAIN_FRACTION).map_err(|_| {
        let problem = "it is too short: a tenth of it is kept aside to be measured";
        Error::text(&corpus.origin, problem, "give a text of some thousand characters at least")
    })
}

/// A number that tells one text from another: FNV-1a (Fowler, Noll and Vo 1991).
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
