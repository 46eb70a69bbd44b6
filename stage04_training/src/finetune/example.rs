//! One example: tokens, and which of them are learned.

use std::ops::Range;

use stage03_gpt::message::{Message, Role};
use xxhash_rust::xxh3::xxh3_64;

/// What an example was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A conversation.
    Conversation {
        /// How many messages it has.
        messages: usize,
    },
    /// Plain text.
    Text,
}

/// One example in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// The tokens that are learned, in order and without overlap: each answer with the token that ends
    /// it; of a plain text every token but the first.
    pub answers: Vec<Range<usize>>,
    /// A hash of what is asked: that of two examples is the same if their first questions have the same
    /// words, and that of all pieces of one plain text is the same.
    pub prompt: u64,
    /// The first question of a conversation; empty for a plain text.
    pub question: String,
    /// What it was made of.
    pub origin: Origin,
}

impl Example {
    /// How many tokens are learned. The first token of an example is never predicted.
    pub fn learned(&self) -> usize {
        self.answers.iter().map(|answer| answer.len() - usize::from(answer.start == 0)).sum()
    }
}

/// The hash of the first question of a conversation: of its letters and digits in lower case, so that
/// a comma more or less does not matter.
pub(super) fn prompt_hash(messages: &[Message]) -> u64 {
    let question = messages.iter().find(|message| message.role == Role::User);
    words_hash(question.map_or("", |message| &message.content))
}

/// The hash of the letters and digits of a text. Where it has none, of all its characters.
pub(super) fn words_hash(text: &str) -> u64 {
    let letters = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    let words: String = letters.collect();
    xxh3_64(if words.is_empty() { text } else { &words }.as_bytes())
}
