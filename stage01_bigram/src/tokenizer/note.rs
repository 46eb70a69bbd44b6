//! Notes for the user on special tokens that a text spells.

use super::{END_OF_TEXT, Tokenizer};
use crate::text::thousands;

impl Tokenizer {
    /// How often a text spells `<|endoftext|>` although the vocabulary has no such token, so that
    /// it is read as ordinary text, one or two letters per token.
    pub fn unknown_markers_in(&self, text: &str) -> usize {
        let known = self.added_tokens().iter().any(|token| token.content == END_OF_TEXT);
        if known { 0 } else { text.matches(END_OF_TEXT).count() }
    }

    /// A note on the special tokens that a text spells, if it does, where they are read by
    /// [`Tokenizer::encode_with_special`].
    ///
    /// ```
    /// use stage01_bigram::tokenizer::TokenizerKind;
    /// let tokenizer = TokenizerKind::Char.train("a<|endoftext|>b")?;
    /// let note = tokenizer.special_note("a<|endoftext|>b").unwrap_or_default();
    /// assert!(note.contains("no such token"), "{note}");
    /// assert_eq!(tokenizer.special_note("ab"), None);
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    pub fn special_note(&self, text: &str) -> Option<String> {
        let found = self.special_in(text);
        if let Some((_, first)) = found.first() {
            return Some(format!(
                "note: the text spells special tokens in {} places (the first: {}); each is \
                 read as one token",
                thousands(found.len()),
                first.content
            ));
        }
        let unknown = self.unknown_markers_in(text);
        (unknown > 0).then(|| {
            format!(
                "note: the text spells {END_OF_TEXT} {} times, and the tokenizer has no such \
                 token; it is read as ordinary text. --tokenizer bpe has one",
                thousands(unknown)
            )
        })
    }
}
