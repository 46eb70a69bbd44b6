//! Byte-pair encoding in the manner of SentencePiece (Kudo and Richardson 2018), as Llama 2 and
//! TinyLlama have it.
//!
//! Four things differ from GPT-2's kind:
//!
//! - A token is made of characters. A character that is no token becomes its bytes, each of which is
//!   a token `<0x0A>` (*byte fallback*).
//! - A space is the visible character `▁` (U+2581). Here it is a space throughout: it is replaced
//!   when a vocabulary is read, and put back when it is written.
//! - One space is put before a text, so that its first word is the same token as elsewhere, and
//!   taken away again from what is decoded.
//! - A text is not cut into pre-tokens. But no token of such a vocabulary goes on after a word into
//!   the spaces of the next one, so the words may be encoded one by one all the same; this is
//!   checked ([`merge_across_words`]).

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::{BpeTokenizer, Merge};
use crate::Result;
use crate::tokenizer::added::AddedTokens;

/// The character that stands for a space in a file.
pub(super) const SPACE: char = '▁';

/// The rules of a vocabulary in the manner of SentencePiece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SentencePiece {
    /// Where a space is put before a text.
    pub(super) prepend: Prepend,
    /// Whether decoding takes away one space at the beginning.
    pub(super) strip: bool,
    /// The token of each byte.
    pub(super) bytes: [u32; 256],
}

/// Where a space is put before a text. An added token cuts a text into several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepend {
    /// Before each part. The files of Llama 2 say this, as a normaliser.
    Part,
    /// Before each part that does not begin with one.
    Missing,
    /// Before the first part, if no added token is before it and it does not begin with a space.
    /// This is what SentencePiece does; files of later programs say this, as a pre-tokenizer.
    First,
    /// Nowhere.
    Never,
}

impl SentencePiece {
    /// A part of a text as it is encoded: with spaces for `▁`, and perhaps one more before it.
    ///
    /// first: whether it is the beginning of the whole text.
    pub(super) fn prepared<'t>(&self, part: &'t str, first: bool) -> Cow<'t, str> {
        let begins = part.starts_with([' ', SPACE]);
        let prepend = !part.is_empty()
            && match self.prepend {
                Prepend::Part => true,
                Prepend::Missing => !begins,
                Prepend::First => first && !begins,
                Prepend::Never => false,
            };
        match (prepend, part.contains(SPACE)) {
            (false, false) => Cow::Borrowed(part),
            (false, true) => Cow::Owned(with_spaces(part)),
            (true, false) => Cow::Owned(format!(" {part}")),
            (true, true) => Cow::Owned(format!(" {}", with_spaces(part))),
        }
    }

    /// The spelling of a learned token in a file.
    pub(super) fn spelled(&self, id: u32, bytes: &[u8]) -> String {
        match self.byte_of(id) {
            Some(byte) => SentencePiece::spelled_byte(byte),
            None => String::from_utf8_lossy(bytes).replace(' ', "▁"),
        }
    }

    /// The spelling of a byte's token.
    pub(super) fn spelled_byte(byte: u8) -> String {
        format!("<0x{byte:02X}>")
    }

    /// The byte of this token, if it is the token of one.
    pub(super) fn byte_of(&self, id: u32) -> Option<u8> {
        self.bytes.iter().position(|&token| token == id).map(|byte| byte as u8)
    }
}

/// A spelling with spaces for `▁`.
pub(super) fn with_spaces(spelled: &str) -> String {
    spelled.replace(SPACE, " ")
}

/// The tokens of single characters.
#[derive(Clone)]
pub(super) struct Characters(FxHashMap<char, u32>);

impl Characters {
    /// Those among all tokens.
    pub(super) fn new(tokens: &[Vec<u8>], bytes: &[u32; 256], added: &AddedTokens) -> Characters {
        let single = |(id, token): (u32, &Vec<u8>)| {
            let mut characters = std::str::from_utf8(token).ok()?.chars();
            let character = characters.next().filter(|_| characters.next().is_none())?;
            (added.get(id).is_none() && !bytes.contains(&id)).then_some((character, id))
        };
        Characters((0..).zip(tokens).filter_map(single).collect())
    }

    /// A text as the tokens of its characters, and of the bytes of those that have none.
    pub(super) fn symbols(&self, text: &str, bytes: &[u32; 256]) -> Vec<u32> {
        let mut symbols = Vec::with_capacity(text.len());
        for character in text.chars() {
            match self.0.get(&character) {
                Some(&id) => symbols.push(id),
                None => {
                    let mut buffer = [0; 4];
                    let encoded = character.encode_utf8(&mut buffer);
                    symbols.extend(encoded.bytes().map(|byte| bytes[byte as usize]));
                }
            }
        }
        symbols
    }
}

/// Whether a merge joins the end of a word and the space before the next one. Where none does, a
/// text may be cut there without a change of its tokens.
pub(super) fn merge_across_words(tokens: &[Vec<u8>], merges: &[Merge]) -> bool {
    let token = |id: u32| &tokens[id as usize];
    merges.iter().any(|merge| {
        token(merge.left).last() != Some(&b' ') && token(merge.right).first() == Some(&b' ')
    })
}

/// The end of the word that begins at `start`, with the spaces before it.
pub(super) fn word_end(text: &str, start: usize) -> usize {
    let bytes = &text.as_bytes()[start..];
    let spaces = bytes.iter().take_while(|&&byte| byte == b' ').count();
    let letters = bytes[spaces..].iter().take_while(|&&byte| byte != b' ').count();
    start + spaces + letters
}

/// Cuts a text into chunks of about `size` bytes, between words.
pub(super) fn chunks(text: &str, size: usize) -> Vec<&str> {
    let mut chunks = Vec::with_capacity(text.len() / size + 1);
    let mut rest = text;
    loop {
        let is_border =
            |at: &usize| rest.as_bytes()[*at] == b' ' && rest.as_bytes()[at - 1] != b' ';
        let Some(end) = (size.max(1)..rest.len()).find(is_border) else { break };
        let (chunk, after) = rest.split_at(end);
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}

impl BpeTokenizer {
    /// The text of these tokens, in the manner of SentencePiece: the bytes of a run of byte tokens
    /// are U+FFFD, one for each, unless they are whole characters; and one space at the beginning
    /// is taken away. `None` for a vocabulary of another kind.
    ///
    /// # Errors
    /// [`crate::Error::UnknownToken`] for a number outside the vocabulary.
    pub(in crate::tokenizer) fn sentence_piece_text(&self, ids: &[u32]) -> Option<Result<String>> {
        let rules = self.rules.sentence_piece.as_deref()?;
        Some(self.decode_bytes(ids).map(|_| {
            let is_byte = |id: &u32| rules.byte_of(*id).is_some();
            let mut text = String::new();
            for run in ids.chunk_by(|a, b| is_byte(a) == is_byte(b)) {
                let bytes = self.decode_bytes(run).unwrap_or_default();
                match String::from_utf8(bytes) {
                    Ok(part) => text.push_str(&part),
                    Err(error) => {
                        text.extend(std::iter::repeat_n('\u{FFFD}', error.as_bytes().len()));
                    }
                }
            }
            match text.strip_prefix(' ') {
                Some(rest) if rules.strip => rest.to_string(),
                _ => text,
            }
        }))
    }
}

#[cfg(test)]
mod tests;
