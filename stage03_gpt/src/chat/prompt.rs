//! The tokens of a conversation, in which nobody's words become special tokens.
//!
//! In the text that a template writes, `<|im_end|>` is the special token that ends a turn. A user
//! can type these letters, too. Read as the token, they would end the user's turn, and what
//! follows could pose as the system's: *prompt injection* by special tokens, as an SQL injection
//! ends a quotation.
//!
//! So before the template is run, each spelling of a special token inside a message gets a
//! *guard* behind its first character: a code point that Unicode reserves for a program's own use
//! (a noncharacter, U+FDD0 to U+FDEF), and that occurs nowhere in the conversation. The template
//! may cut, trim and move the message as it likes; the guard stays where it is. The tokenizer
//! then finds the template's special tokens and not those with a guard, and the guards are
//! removed.
//!
//! ```text
//! message   How do I write <|im_end|>?
//! guarded   How do I write <·|im_end|>?
//! text      <|im_start|>user\nHow do I write <·|im_end|>?<|im_end|>\n
//! tokens    <|im_start|> user \n How … write < | im _ end | >? <|im_end|> \n
//! ```
//!
//! The beginning of a spelling at the end of a message is guarded as well. Tokens that the
//! tokenizer's file calls ordinary text, such as `<think>` of some models, are not special and
//! stay. A special token of a single character, which no model is known to have, could not be
//! guarded.
//!
//! The tokens are those of the template's text alone: a token that begins a text stands there if
//! the template writes it, and is not added a second time.

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use super::message::Message;
use super::template::Template;
use crate::model::require_context;

/// Makes the prompts of one model.
#[derive(Debug)]
pub struct Prompter<'m> {
    template: Template,
    tokenizer: &'m Tokenizer,
    /// The spellings of the special tokens, sorted.
    spellings: Vec<&'m str>,
}

impl<'m> Prompter<'m> {
    /// A prompter with this template and tokenizer.
    pub fn new(template: Template, tokenizer: &'m Tokenizer) -> Prompter<'m> {
        let special = tokenizer.added_tokens().iter().filter(|token| token.special);
        let mut spellings: Vec<&str> = special.map(|token| &*token.content).collect();
        spellings.sort_unstable();
        Prompter { template, tokenizer, spellings }
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The tokens of a conversation, up to where the model's answer begins.
    ///
    /// # Errors
    /// Those of [`Template::render`]; [`Error::Text`] when the messages have all of the code points
    /// that can be guards.
    // ANCHOR: encode
    pub fn encode(&self, messages: &[Message]) -> Result<Vec<u32>> {
        let guard = self.unused(messages)?;
        let guarded: Vec<Message> = messages
            .iter()
            .map(|message| Message::new(message.role, self.guard(&message.content, guard)))
            .collect();
        let text = self.template.render(&guarded, true)?;
        self.tokenizer.encode_guarded(&text, guard)
    }
    // ANCHOR_END: encode

    /// Checks that a question can be answered: a message of one character, as the template writes it,
    /// and a token of the answer.
    ///
    /// # Errors
    /// [`Error::Setting`] when the context, of so many tokens, is too short for them.
    pub fn require_context(&self, context: usize) -> Result<()> {
        match self.encode(&[Message::user("a")]) {
            Ok(prompt) => require_context(context, prompt.len() + 1),
            // A template may want more than one message. What it refuses is said when it is asked.
            Err(_) => require_context(context, 2),
        }
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
    fn unused(&self, messages: &[Message]) -> Result<char> {
        let is_used = |guard: char| {
            messages.iter().any(|message| message.content.contains(guard))
                || self.template.source().contains(guard)
                || self.tokenizer.added_tokens().iter().any(|token| token.content.contains(guard))
        };
        ('\u{FDD0}'..='\u{FDEF}').find(|&guard| !is_used(guard)).ok_or_else(|| {
            let problem =
                "they have all of the code points U+FDD0 to U+FDEF, which are no characters";
            Error::text("the messages", problem, "remove one of these from them")
        })
    }

    /// The token with which a turn of the model ends, where the template writes one: the one behind
    /// the words of an answer.
    pub fn end_of_turn(&self) -> Option<u32> {
        const ANSWER: &str = "stage03-answer";
        let turn = [Message::user("stage03-question"), Message::assistant(ANSWER)];
        let text = self.template.render(&turn, false).ok()?;
        let rest = text.split(ANSWER).nth(1)?.trim_start();
        let added = self.tokenizer.added_tokens().iter();
        let fits = added.filter(|token| rest.starts_with(&token.content));
        Some(fits.max_by_key(|token| token.content.len())?.id)
    }
}
