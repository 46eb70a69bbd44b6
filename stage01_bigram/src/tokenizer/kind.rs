//! The kind of tokenizer that a user chooses on the command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{BpeTokenizer, CharTokenizer, END_OF_TEXT, Tokenizer};
use crate::{Error, Result};

/// The vocabulary size of `bpe` without a size: small enough for a model that trains in
/// minutes, large enough that most words of the King James text are one or two tokens.
pub const DEFAULT_BPE_SIZE: usize = 4096;

/// The value of `--tokenizer`.
///
/// ```
/// use stage01_bigram::tokenizer::TokenizerKind;
/// let kind: TokenizerKind = "bpe:300".parse()?;
/// assert_eq!(kind, TokenizerKind::Bpe { vocab_size: 300 });
/// assert_eq!(kind.to_string(), "bpe:300");
/// let tokenizer = kind.train("to be, or not to be: that is the question")?;
/// assert_eq!(tokenizer.decode(&tokenizer.encode("not to be")?)?, "not to be");
/// # Ok::<(), stage01_bigram::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenizerKind {
    /// `char`: one token for each character of the text.
    Char,
    /// `bpe` or `bpe:SIZE`: byte-level byte-pair encoding, trained on the text.
    Bpe {
        /// The vocabulary size, the 256 bytes included.
        vocab_size: usize,
    },
    /// `gpt2`: the vocabulary of GPT-2, 50,257 tokens. Needs the cargo feature `gpt2`.
    Gpt2,
    /// A path: a `tokenizer.json` that exists already, or a directory that has one.
    File(PathBuf),
}

impl TokenizerKind {
    /// Trains the tokenizer on `text`, or, for [`TokenizerKind::Gpt2`] and [`TokenizerKind::File`],
    /// loads it.
    ///
    /// A text may be too small for the vocabulary size asked for: then no pair is left to merge,
    /// and the vocabulary is smaller ([`Tokenizer::vocab_size`]).
    ///
    /// A text that spells `<|endoftext|>` has documents: the spelling is not part of the training
    /// text, and the last token of a `bpe` vocabulary is that token.
    ///
    /// ```
    /// use stage01_bigram::tokenizer::TokenizerKind;
    /// let text = "low low<|endoftext|>lower lowest<|endoftext|>";
    /// let tokenizer = "bpe:260".parse::<TokenizerKind>()?.train(text)?;
    /// assert_eq!(tokenizer.end_of_text_token(), Some((259, "<|endoftext|>")));
    /// assert_eq!(tokenizer.encode_with_special("low<|endoftext|>")?, [257, 259]);
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Text`] for an empty text, [`Error::Setting`] for a size below 256 or for
    /// `gpt2` in a program built without it, and those of [`Tokenizer::load`].
    pub fn train(&self, text: &str) -> Result<Tokenizer> {
        match self {
            TokenizerKind::Char => CharTokenizer::train(text).map(Tokenizer::Char),
            TokenizerKind::Bpe { vocab_size } if text.contains(END_OF_TEXT) => {
                if *vocab_size <= 256 {
                    let expected = "the text has <|endoftext|>, a token beside the 256 bytes; \
                                    give at least 257, such as bpe:4096";
                    return Err(Error::setting("--tokenizer", self, expected));
                }
                let documents: Vec<&str> = text.split(END_OF_TEXT).collect();
                let tokenizer = BpeTokenizer::train_on(&documents, vocab_size - 1)?;
                tokenizer.with_new_end_of_text(END_OF_TEXT).map(Tokenizer::Bpe)
            }
            TokenizerKind::Bpe { vocab_size } => {
                BpeTokenizer::train(text, *vocab_size).map(Tokenizer::Bpe)
            }
            TokenizerKind::Gpt2 => gpt2().map(Tokenizer::Bpe),
            TokenizerKind::File(path) => Tokenizer::load(path),
        }
    }
}

#[cfg(feature = "gpt2")]
fn gpt2() -> Result<BpeTokenizer> {
    BpeTokenizer::gpt2()
}

#[cfg(not(feature = "gpt2"))]
fn gpt2() -> Result<BpeTokenizer> {
    Err(Error::setting(
        "--tokenizer",
        "gpt2",
        "this program was built without GPT-2's vocabulary; build it with `--features gpt2`, \
         or name the tokenizer.json of a GPT-2 directory",
    ))
}

impl FromStr for TokenizerKind {
    type Err = Error;

    /// Reads `char`, `bpe`, `bpe:SIZE`, `gpt2`, or a path (anything that ends in `.json`, has a
    /// slash in it, or is a directory).
    fn from_str(word: &str) -> Result<TokenizerKind> {
        match word {
            "char" => return Ok(TokenizerKind::Char),
            "bpe" => return Ok(TokenizerKind::Bpe { vocab_size: DEFAULT_BPE_SIZE }),
            "gpt2" => return Ok(TokenizerKind::Gpt2),
            _ => {}
        }
        if word.ends_with(".json") || word.contains(['/', '\\']) || Path::new(word).is_dir() {
            return super::json::file::locate(Path::new(word)).map(TokenizerKind::File);
        }
        if let Some(size) = word.strip_prefix("bpe:") {
            // 4_096 and 4,096 are accepted as well.
            return match size.replace(['_', ','], "").parse() {
                Ok(vocab_size) => Ok(TokenizerKind::Bpe { vocab_size }),
                Err(_) => Err(Error::setting(
                    "--tokenizer",
                    word,
                    format!("{size:?} is not a size; expected a whole number, as in bpe:4096"),
                )),
            };
        }
        let expected = "expected char, bpe, bpe:SIZE, gpt2 or the path of a tokenizer.json";
        let nearest = ["char", "bpe", "gpt2"]
            .into_iter()
            .map(|name| (edits(&word.to_lowercase(), name), name))
            .min()
            .filter(|&(edits, _)| edits <= 2)
            .map_or(String::new(), |(_, name)| format!("; did you mean {name}?"));
        Err(Error::setting("--tokenizer", word, format!("{expected}{nearest}")))
    }
}

impl fmt::Display for TokenizerKind {
    /// The spelling that [`TokenizerKind::from_str`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            TokenizerKind::Char => write!(f, "char"),
            TokenizerKind::Bpe { vocab_size } => write!(f, "bpe:{vocab_size}"),
            TokenizerKind::Gpt2 => write!(f, "gpt2"),
            TokenizerKind::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The edit distance of two words: the number of letters to insert, delete or change (Levenshtein
/// 1966).
fn edits(a: &str, b: &str) -> usize {
    // row[j]: the edits between the part of `a` read so far and the first j letters of `b`.
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.chars().count()]
}
