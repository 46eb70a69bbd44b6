//! Byte-level byte-pair encoding, as in GPT-2 (Radford et al. 2019).
//!
//! The text is cut into pre-tokens, roughly words with the space before them (`split`). Each is a
//! sequence of UTF-8 bytes, and each of the 256 bytes is a token (`bytes`). Training finds the most
//! frequent pair of neighbouring tokens, makes it a new token, and repeats (`train`). Encoding
//! merges the pairs of a pre-token in the order in which they were learned (`encode`). Decoding
//! concatenates the tokens' bytes. `json` is the file format.
//!
//! Vocabularies of later models differ in where the text is cut ([`PreTokenizer`]) and in a few more
//! rules (`rules`). Those of Llama 2 and its like begin from characters in place of bytes
//! (`sentence_piece`). [`Parts`] is a vocabulary as a GGUF file has it.
//!
//! [`plain`] has training, encoding and decoding in a hundred lines, to be read first; `train` and
//! `encode` do the same fast.
//!
//! Because every byte is a token, every text can be encoded, and decoding gives it back
//! exactly. Some vocabularies of others lack a few bytes, which are left out of a text.

mod bytes;
mod cache;
mod encode;
#[cfg(feature = "gpt2")]
mod gpt2;
mod json;
mod merge;
mod parts;
pub mod plain;
mod pre_tokenizer;
mod rules;
mod sentence_piece;
mod split;
mod train;
mod vocabulary;

use std::borrow::Cow;

use self::encode::Encoder;
pub use self::merge::Merge;
pub use self::parts::{Parts, token_type};
pub use self::pre_tokenizer::PreTokenizer;
use self::rules::Rules;
pub use self::rules::Template;
pub use self::split::pre_tokens;
use super::added::{AddedToken, AddedTokens, Part};
pub use super::end_of_text::END_OF_TEXT;
use crate::{Error, Result};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A byte-level BPE vocabulary: tokens, and the merges that make them.
///
/// ```
/// use stage01_bigram::tokenizer::BpeTokenizer;
/// let tokenizer = BpeTokenizer::train("low low low lower lowest", 260)?;
/// // The first merges: l+o, then lo+w, then space+low.
/// assert_eq!(tokenizer.token_bytes(256), Some(&b"lo"[..]));
/// assert_eq!(tokenizer.token_bytes(257), Some(&b"low"[..]));
/// assert_eq!(tokenizer.token_bytes(258), Some(&b" low"[..]));
/// assert_eq!(tokenizer.encode("low low")?, [257, 258]);
/// # Ok::<(), stage01_bigram::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BpeTokenizer {
    /// The bytes of every token in one row; token `id` ends at `ends[id]`.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    merges: Vec<Merge>,
    /// Tokens that are not learned from text, such as [`END_OF_TEXT`].
    added: AddedTokens,
    rules: Rules,
    /// Boxed: a vocabulary of characters, in the same enum, is small.
    encoder: Box<Encoder>,
}

impl BpeTokenizer {
    /// Learns a vocabulary of `vocab_size` tokens from a text: the 256 bytes and `vocab_size - 256`
    /// merges. Uses all of rayon's threads; the result depends on the text alone.
    ///
    /// Stops earlier when no pair occurs twice any more, so a small text gives a smaller
    /// vocabulary: see [`BpeTokenizer::vocab_size`].
    ///
    /// # Errors
    /// [`Error::Text`] for an empty text, [`Error::Setting`] for a size below 256.
    pub fn train(text: &str, vocab_size: usize) -> Result<BpeTokenizer> {
        Self::train_on(&[text], vocab_size)
    }

    /// The same for several texts; no pre-token crosses from one into the next.
    ///
    /// # Errors
    /// As [`BpeTokenizer::train`].
    pub fn train_on(texts: &[&str], vocab_size: usize) -> Result<BpeTokenizer> {
        if vocab_size < 256 {
            return Err(Error::setting(
                "vocabulary size",
                vocab_size,
                "a byte-level vocabulary begins with the 256 bytes; give at least 256, \
                 such as bpe:4096",
            ));
        }
        if u32::try_from(vocab_size).is_err() {
            return Err(Error::setting(
                "vocabulary size",
                vocab_size,
                "a token is a number of 32 bits; give less than 4294967296",
            ));
        }
        if texts.iter().all(|text| text.is_empty()) {
            return Err(Error::empty_text());
        }
        let merges = train::learn(texts, vocab_size);
        let tokens = plain::vocabulary(&merges);
        Ok(Self::new(&tokens, merges, AddedTokens::default(), Rules::default()))
    }

    /// A tokenizer from parts that fit: the bytes of the two tokens of a merge, concatenated, are
    /// those of its `id`.
    fn new(
        tokens: &[Vec<u8>],
        merges: Vec<Merge>,
        added: AddedTokens,
        rules: Rules,
    ) -> BpeTokenizer {
        let ends = tokens.iter().scan(0, |end, token| {
            *end += token.len();
            Some(*end)
        });
        let encoder = Box::new(Encoder::new(tokens, &merges, &added, &rules));
        BpeTokenizer { bytes: tokens.concat(), ends: ends.collect(), merges, added, rules, encoder }
    }

    /// Adds [`END_OF_TEXT`] as the last token, for texts of many documents; nothing happens
    /// where a token ends documents already.
    pub fn with_end_of_text(self) -> BpeTokenizer {
        if self.added.end_of_text().is_some() {
            return self;
        }
        self.clone().with_new_end_of_text(END_OF_TEXT).unwrap_or(self)
    }

    /// Adds a special token of this spelling as the last token and as the end-of-text token.
    ///
    /// # Errors
    /// [`Error::Setting`] of `--end-token` for a spelling that another token has, for an empty
    /// and for a very long one.
    pub fn with_new_end_of_text(mut self, content: &str) -> Result<BpeTokenizer> {
        if self.ordinary_tokens().any(|id| self.spelled(id) == content) {
            let expected = "it is an ordinary token of the vocabulary as well; choose a spelling \
                            that no text has, such as <|endoftext|>";
            return Err(Error::setting("--end-token", content, expected));
        }
        self.added = self.added.with_end_of_text(self.ends.len() as u32, content)?;
        self.bytes.extend(content.as_bytes());
        self.ends.push(self.bytes.len());
        Ok(self)
    }

    /// Sets the end-of-text token.
    ///
    /// # Errors
    /// [`Error::Setting`] of `--end-token` when there is none of this spelling.
    pub(super) fn set_end_of_text(&mut self, content: &str) -> Result<()> {
        self.added.set_end_of_text(content)
    }

    /// The ids of the learned tokens.
    fn ordinary_tokens(&self) -> impl Iterator<Item = u32> {
        (0..self.ends.len() as u32).filter(|&id| self.added.get(id).is_none())
    }

    /// The spelling of a token in a file.
    fn spelled(&self, id: u32) -> String {
        if let Some(token) = self.added.get(id) {
            return token.content.clone();
        }
        let bytes = self.token_bytes(id).unwrap_or_default();
        match &self.rules.sentence_piece {
            None => bytes::spell(bytes),
            Some(rules) => rules.spelled(id, bytes),
        }
    }

    /// The end-of-text token, where there is one.
    pub fn end_of_text(&self) -> Option<u32> {
        self.added.end_of_text().map(|token| token.id)
    }

    /// The added tokens, special tokens included, in the order of their ids.
    pub fn added_tokens(&self) -> &[AddedToken] {
        self.added.tokens()
    }

    /// The added tokens with their search and the end-of-text token.
    pub(super) fn added(&self) -> &AddedTokens {
        &self.added
    }

    /// The vocabulary size, added tokens included.
    pub fn vocab_size(&self) -> usize {
        self.ends.len()
    }

    /// The merges, in the order of their ranks.
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// As [`Tokenizer::survives_cuts`](super::Tokenizer::survives_cuts).
    pub(super) fn survives_cuts(&self) -> bool {
        let by_class = [PreTokenizer::Gpt2, PreTokenizer::SmolLm];
        self.rules.sentence_piece.is_none() && by_class.contains(&self.rules.pre_tokenizer)
    }

    /// The special tokens that the model expects around a text.
    pub fn template(&self) -> &Template {
        &self.rules.template
    }

    /// The bytes of a token; `None` for a number outside the vocabulary.
    pub fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        let id = id as usize;
        let end = *self.ends.get(id)?;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        Some(&self.bytes[start..end])
    }

    /// The tokens of a text; a special token that it spells is read as ordinary text. Long texts
    /// use all of rayon's threads; the result is the same for any number of them.
    ///
    /// # Errors
    /// [`Error::Text`] for a text that has a pre-token of 4 GiB.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.encode_parts(text, false)
    }

    /// The same, and a special token that the text spells becomes that token.
    ///
    /// # Errors
    /// As [`BpeTokenizer::encode`].
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>> {
        self.encode_parts(text, true)
    }

    /// The same for a text in which a `guard` character keeps a spelling ordinary text; the guards
    /// are removed before the text between the tokens is encoded.
    ///
    /// # Errors
    /// As [`BpeTokenizer::encode`].
    pub fn encode_guarded(&self, text: &str, guard: char) -> Result<Vec<u32>> {
        if !text.contains(guard) {
            return self.encode_with_special(text);
        }
        let mut parts = Vec::new();
        for part in self.added.parts_as_written(text, true) {
            match part {
                Part::Token(id, _) => parts.push(Ok(id)),
                Part::Text(text) => {
                    let text: Cow<str> = match self.rules.nfc && !is_nfc(text) {
                        true => text.nfc().collect::<String>().into(),
                        false => text.into(),
                    };
                    parts.extend(self.added.parts_of_normalized(&text, true).iter().map(|part| {
                        match part {
                            Part::Token(id, _) => Ok(*id),
                            Part::Text(text) => Err(text.replace(guard, "")),
                        }
                    }));
                }
            }
        }
        let parts: Vec<Part> = parts
            .iter()
            .filter_map(|part| match part {
                Ok(id) => Some(Part::Token(*id, 0)),
                Err(text) => (!text.is_empty()).then_some(Part::Text(text)),
            })
            .collect();
        if parts.is_empty() { Ok(Vec::new()) } else { self.encoder.encode_parts(&parts) }
    }

    fn encode_parts(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        if self.rules.nfc && !is_nfc(text) {
            return self.encode_normalized(text, special);
        }
        if self.added.are_none(special) {
            return self.encoder.encode(text, true);
        }
        self.encoder.encode_parts(&self.added.parts(text, special))
    }

    /// Encodes a text that is not in the normal form C. It is brought into it after the added tokens
    /// that are not `normalized` are found, and before the others.
    fn encode_normalized(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        for part in self.added.parts_as_written(text, special) {
            match part {
                Part::Token(id, _) => ids.push(id),
                Part::Text(text) => {
                    let text: String = text.nfc().collect();
                    let parts = self.added.parts_of_normalized(&text, special);
                    ids.extend(self.encoder.encode_parts(&parts)?);
                }
            }
        }
        Ok(ids)
    }

    // ANCHOR: decode
    /// The bytes of these tokens.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a number outside the vocabulary.
    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>> {
        let unknown = |token| Error::UnknownToken { token, vocab_size: self.vocab_size() };
        // English has about four bytes per token.
        let mut bytes = Vec::with_capacity(ids.len() * 5);
        for &id in ids {
            let token = self.token_bytes(id).ok_or_else(|| unknown(id))?;
            bytes.extend_from_slice(token);
        }
        Ok(bytes)
    }
    // ANCHOR_END: decode
}

#[cfg(test)]
mod tests;
