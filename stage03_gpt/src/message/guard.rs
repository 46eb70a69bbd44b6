//! Guards: what somebody wrote does not become a special token.
//!
//! A *guard* is a code point that Unicode reserves for a program's own use (a noncharacter, U+FDD0 to
//! U+FDEF), and that occurs nowhere in the conversation. It is put behind the first character of each
//! spelling of a special token inside a message, before a template makes one text of the messages:
//!
//! ```text
//! message   How do I write <|im_end|>?
//! guarded   How do I write <·|im_end|>?
//! ```
//!
//! [`Tokenizer::encode_guarded`] takes the guards away again, and reads these spellings as text. The
//! beginning of a spelling at the end of a message is guarded as well. Tokens that the tokenizer's file
//! calls ordinary text, such as `<think>` of some models, are not special and stay. A special token of a
//! single character, which no model is known to have, could not be guarded.
//!
//! What this file leaves out: the text around the messages (`chat::template`).

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use super::Message;

/// Guards messages against the special tokens of one tokenizer.
#[derive(Debug)]
pub struct Guards<'t> {
    tokenizer: &'t Tokenizer,
    /// The spellings of the special tokens, sorted.
    spellings: Vec<&'t str>,
}

impl<'t> Guards<'t> {
    /// Guards for a tokenizer.
    pub fn new(tokenizer: &'t Tokenizer) -> Guards<'t> {
        let special = tokenizer.added_tokens().iter().filter(|token| token.special);
        let mut spellings: Vec<&str> = special.map(|token| &*token.content).collect();
        spellings.sort_unstable();
        Guards { tokenizer, spellings }
    }

    /// The messages with guards in them, and the character that is the guard.
    ///
    /// template: the source of the template that will write them, in which the guard does not occur.
    ///
    /// # Errors
    /// [`Error::Text`] when the messages have all of the code points that can be guards.
    pub fn guard_all(&self, messages: &[Message], template: &str) -> Result<(Vec<Message>, char)> {
        let guard = self.unused(messages, template)?;
        let guarded =
            |message: &Message| Message::new(message.role, self.guard(&message.content, guard));
        Ok((messages.iter().map(guarded).collect(), guard))
    }

    /// A message with a guard in each spelling of a special token, and in the beginning of one at
    /// the end of the message.
    // ANCHOR: guard
    fn guard(&self, content: &str, guard: char) -> String {
        let mut guarded = String::with_capacity(content.len());
        for (at, character) in content.char_indices() {
            guarded.push(character);
            if self.may_be_special(&content[at..], character) {
                guarded.push(guard);
            }
        }
        guarded
    }

    /// Whether a special token begins here, or would if the text went on.
    fn may_be_special(&self, text: &str, first: char) -> bool {
        let begin = |spelling: &str| spelling.chars().next();
        let from = self.spellings.partition_point(|spelling| begin(spelling) < Some(first));
        let mut same =
            self.spellings[from..].iter().take_while(|spelling| spelling.starts_with(first));
        same.any(|spelling| text.starts_with(spelling) || spelling.starts_with(text))
    }
    // ANCHOR_END: guard

    /// A noncharacter that neither the messages, nor the template, nor a token have.
    fn unused(&self, messages: &[Message], template: &str) -> Result<char> {
        let is_used = |guard: char| {
            messages.iter().any(|message| message.content.contains(guard))
                || template.contains(guard)
                || self.tokenizer.added_tokens().iter().any(|token| token.content.contains(guard))
        };
        ('\u{FDD0}'..='\u{FDEF}').find(|&guard| !is_used(guard)).ok_or_else(|| {
            let problem =
                "they have all of the code points U+FDD0 to U+FDEF, which are no characters";
            Error::text("the messages", problem, "remove one of these from them")
        })
    }
}
