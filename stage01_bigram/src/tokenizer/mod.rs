//! Tokenizers: text to numbers and back.
//!
//! A model reads and writes token ids, numbers below the vocabulary size. A tokenizer says which
//! string each id stands for. Two of them are here, the two ends of a trade-off: a larger
//! vocabulary, or more tokens for the same text.
//!
//! - [`CharTokenizer`]: one token for each character of the training text. At most a hundred for
//!   English; nothing to learn; any other character is an error.
//! - [`BpeTokenizer`]: byte-level byte-pair encoding, GPT-2's. It starts from the 256 bytes and
//!   merges frequent pairs, so any text can be encoded, and common words become one token.
//!
//! [`Tokenizer`] is either of them; [`TokenizerKind`] is the choice on the command line. Both kinds
//! are saved as a `tokenizer.json` which the `tokenizers` library of Hugging Face reads, giving the
//! same numbers.
//!
//! Besides the learned tokens there are *added tokens*, which are whole strings; most of them are
//! *special tokens*, which control a model and are not text, such as the *end-of-text token*
//! between documents. A text may spell one, `<|endoftext|>`, and there are two ways to read it:
//!
//! - [`Tokenizer::encode`] reads it as ordinary text. For untrusted text, and for texts about
//!   special tokens.
//! - [`Tokenizer::encode_with_special`] reads it as the special token, as the `tokenizers` library
//!   does. For data that was written with special tokens.
//!
//! A [`BpeTokenizer`] is trained with GPT-2's rules. Those of later models are read and written as
//! well: SmolLM2, Llama 3 and Qwen2 cut a text elsewhere, Llama 2 begins from characters ([`bpe`]).
//!
//! Left out: other rules, normalising text but for Unicode's form C, and the special tokens around a
//! text, which [`Tokenizer::template`] tells and [`Tokenizer::encode`] does not add.

mod added;
pub mod bpe;
pub mod char;
mod end_of_text;
mod json;
mod kind;
mod note;

pub use added::AddedToken;
use added::Part;
pub use bpe::{BpeTokenizer, Template};
pub use char::CharTokenizer;
pub use end_of_text::{END_OF_TEXT, KNOWN};
pub use kind::{DEFAULT_BPE_SIZE, TokenizerKind};

use crate::{Error, Result};

/// A tokenizer of either kind.
///
/// ```
/// use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};
/// let tokenizer = Tokenizer::Char(CharTokenizer::train("hello")?);
/// let ids = tokenizer.encode("hole")?;
/// assert_eq!(ids, [1, 3, 2, 0]); // e h l o are 0 1 2 3
/// assert_eq!(tokenizer.decode(&ids)?, "hole");
/// # Ok::<(), stage01_bigram::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Tokenizer {
    /// One token for each character.
    Char(CharTokenizer),
    /// Byte-level byte-pair encoding.
    Bpe(BpeTokenizer),
}

impl Tokenizer {
    /// The tokens of a text. A special token that the text spells is read as ordinary text.
    ///
    /// Long texts are encoded on all of rayon's threads; the result does not depend on how
    /// many there are.
    ///
    /// # Errors
    /// [`Error::UnknownCharacter`] where a character tokenizer meets a character that its
    /// training text did not have. The other tokenizers encode every text; a single word
    /// of 4 GiB is the exception ([`Error::Text`]).
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Tokenizer::Char(tokenizer) => tokenizer.encode(text),
            Tokenizer::Bpe(tokenizer) => tokenizer.encode(text),
        }
    }

    /// The tokens of a text. A special token that the text spells becomes that token.
    ///
    /// ```
    /// use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
    /// let tokenizer = BpeTokenizer::train("low low low lower lowest", 260)?.with_end_of_text();
    /// let tokenizer = Tokenizer::Bpe(tokenizer);
    /// assert_eq!(tokenizer.encode_with_special("low<|endoftext|> low")?, [257, 260, 258]);
    /// assert_eq!(tokenizer.encode("low<|endoftext|> low")?.len(), 15); // one per letter
    /// assert_eq!(tokenizer.decode(&[257, 260, 258])?, "low<|endoftext|> low");
    /// assert_eq!(tokenizer.decode_without_special(&[257, 260, 258])?, "low low");
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Tokenizer::Char(tokenizer) => tokenizer.encode(text),
            Tokenizer::Bpe(tokenizer) => tokenizer.encode_with_special(text),
        }
    }

    /// [`Tokenizer::encode_with_special`] for a text that was put together from parts of which some
    /// are not trusted, such as what a user typed. A `guard` character inside a spelling keeps it
    /// ordinary text. All guards are removed, and the rest is encoded as if they had not been there.
    ///
    /// ```
    /// use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
    /// let tokenizer = BpeTokenizer::train("low low low lower lowest", 260)?.with_end_of_text();
    /// let tokenizer = Tokenizer::Bpe(tokenizer);
    /// let tokens = tokenizer.encode_guarded("<#|endoftext|><|endoftext|>", '#')?;
    /// assert_eq!(tokens.last(), Some(&260));
    /// assert_eq!(tokens[..tokens.len() - 1], tokenizer.encode("<|endoftext|>")?);
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_guarded(&self, text: &str, guard: char) -> Result<Vec<u32>> {
        match self {
            Tokenizer::Char(tokenizer) => tokenizer.encode(&text.replace(guard, "")),
            Tokenizer::Bpe(tokenizer) => tokenizer.encode_guarded(text, guard),
        }
    }

    /// The special tokens that a text spells, each with its byte offset.
    pub fn special_in(&self, text: &str) -> Vec<(usize, &AddedToken)> {
        let Tokenizer::Bpe(tokenizer) = self else { return Vec::new() };
        let added = tokenizer.added();
        if added.are_none(true) {
            return Vec::new();
        }
        let parts = added.parts(text, true).into_iter();
        parts
            .filter_map(|part| match part {
                Part::Token(id, at) => Some((at, added.get(id).filter(|token| token.special)?)),
                Part::Text(_) => None,
            })
            .collect()
    }

    /// The bytes of these tokens.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a number outside the vocabulary.
    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>> {
        match self {
            Tokenizer::Char(tokenizer) => tokenizer.decode(ids).map(String::into_bytes),
            Tokenizer::Bpe(tokenizer) => tokenizer.decode_bytes(ids),
        }
    }

    /// The text of these tokens.
    ///
    /// A byte-level token may hold a part of a character (one byte of the four of an emoji), so a
    /// list of tokens that begins or ends inside a character, or that a model generated, need not
    /// be valid text. Such bytes become U+FFFD, the replacement character; use
    /// [`Tokenizer::decode_bytes`] where that would lose bytes, as when printing token by token.
    ///
    /// In the manner of SentencePiece a text loses the space at its beginning, which encoding put
    /// there; [`Tokenizer::decode_bytes`] keeps it.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a number outside the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        match self {
            Tokenizer::Char(tokenizer) => tokenizer.decode(ids),
            Tokenizer::Bpe(tokenizer) => {
                if let Some(text) = tokenizer.sentence_piece_text(ids) {
                    return text;
                }
                let bytes = tokenizer.decode_bytes(ids)?;
                Ok(String::from_utf8(bytes)
                    .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
            }
        }
    }

    /// [`Tokenizer::decode`] without special tokens.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn decode_without_special(&self, ids: &[u32]) -> Result<String> {
        let ids: Vec<u32> = ids.iter().copied().filter(|&id| !self.is_special(id)).collect();
        self.decode(&ids)
    }

    /// Whether a token is a special token.
    pub fn is_special(&self, id: u32) -> bool {
        match self {
            Tokenizer::Char(_) => false,
            Tokenizer::Bpe(tokenizer) => {
                tokenizer.added().get(id).is_some_and(|token| token.special)
            }
        }
    }

    /// The added tokens, in the order of their ids.
    pub fn added_tokens(&self) -> &[AddedToken] {
        match self {
            Tokenizer::Char(_) => &[],
            Tokenizer::Bpe(tokenizer) => tokenizer.added_tokens(),
        }
    }

    /// The special tokens that the model expects around a text, where the file says so. In
    /// `transformers`, a text is encoded with them unless `add_special_tokens=False` is given.
    ///
    /// ```
    /// use std::path::Path;
    /// use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
    /// let mut parts = BpeTokenizer::train("low low low", 258)?.with_end_of_text().parts()?;
    /// parts.bos = Some(258);
    /// let tokenizer = Tokenizer::Bpe(parts.tokenizer(Path::new("model.gguf"))?);
    /// let mut prompt = tokenizer.template().before.clone();
    /// prompt.extend(tokenizer.encode("low")?);
    /// assert_eq!(prompt, [258, 257]);
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    pub fn template(&self) -> &Template {
        static NONE: Template = Template { before: Vec::new(), after: Vec::new() };
        match self {
            Tokenizer::Char(_) => &NONE,
            Tokenizer::Bpe(tokenizer) => tokenizer.template(),
        }
    }

    /// Whether a text may be cut before white space that follows another character: its parts, encoded
    /// one by one, then have the tokens of the whole text.
    ///
    /// False for Llama 3 and Qwen2, whose rules keep a line end with the sign before it, and in the
    /// manner of SentencePiece, where each text begins with a space.
    pub fn survives_cuts(&self) -> bool {
        match self {
            Tokenizer::Char(_) => true,
            Tokenizer::Bpe(tokenizer) => tokenizer.survives_cuts(),
        }
    }

    /// The vocabulary size; every token id is below it.
    pub fn vocab_size(&self) -> usize {
        match self {
            Tokenizer::Char(tokenizer) => tokenizer.vocab_size(),
            Tokenizer::Bpe(tokenizer) => tokenizer.vocab_size(),
        }
    }

    /// The end-of-text token, which ends a document, where there is one.
    pub fn end_of_text(&self) -> Option<u32> {
        self.end_of_text_token().map(|(id, _)| id)
    }

    /// The end-of-text token and its spelling.
    pub fn end_of_text_token(&self) -> Option<(u32, &str)> {
        match self {
            Tokenizer::Char(_) => None,
            Tokenizer::Bpe(tokenizer) => {
                let token = tokenizer.added().end_of_text()?;
                Some((token.id, &token.content))
            }
        }
    }

    /// The same tokenizer, with another of its added tokens as the end-of-text token. It is saved
    /// with the tokenizer.
    ///
    /// # Errors
    /// [`Error::Setting`] of `--end-token` when it has no token of this spelling.
    pub fn with_end_token(mut self, content: &str) -> Result<Tokenizer> {
        match &mut self {
            Tokenizer::Char(_) => {
                let expected = "a vocabulary of characters has no special tokens; choose \
                                --tokenizer bpe, or leave the flag out";
                return Err(Error::setting("--end-token", content, expected));
            }
            Tokenizer::Bpe(tokenizer) => tokenizer.set_end_of_text(content)?,
        }
        Ok(self)
    }

    /// A token in visible characters: a space as `␣`, a line end as `\n`, a byte that is not a
    /// whole character as `\xE2`.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a number outside the vocabulary.
    pub fn token_text(&self, id: u32) -> Result<String> {
        self.decode_bytes(&[id]).map(|bytes| printable(&bytes))
    }
}

/// Bytes in visible characters.
fn printable(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' ' => shown.push('␣'),
                // The quotes and the backslash need no escape here.
                '\'' | '"' | '\\' => shown.push(c),
                _ => shown.extend(c.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02X}"));
        }
    }
    shown
}

#[cfg(test)]
mod tests;
