//! The tokens of a conversation, in which nobody's words become special tokens.
//!
//! In the text that a template writes, `<|im_end|>` is the special token that ends a turn. A user
//! can type these letters, too. Read as the token, they would end the user's turn, and what
//! follows could pose as the system's: *prompt injection* by special tokens, as an SQL injection
//! ends a quotation.
//!
//! So before the template is run, each spelling of a special token inside a message gets a guard
//! ([`message::guard`](crate::message::guard)). The template may cut, trim and move the message as it
//! likes; the guard stays where it is. The tokenizer then finds the template's special tokens and not
//! those with a guard, and the guards are removed.
//!
//! ```text
//! message   How do I write <|im_end|>?
//! guarded   How do I write <·|im_end|>?
//! text      <|im_start|>user\nHow do I write <·|im_end|>?<|im_end|>\n
//! tokens    <|im_start|> user \n How … write < | im _ end | >? <|im_end|> \n
//! ```
//!
//! The tokens are those of the template's text alone: a token that begins a text stands there if
//! the template writes it, and is not added a second time.

use stage01_bigram::Result;
use stage01_bigram::tokenizer::Tokenizer;

use super::message::guard::Guards;
use super::message::{Message, end_of_turn};
use super::template::Template;
use crate::model::require_context;

/// Makes the prompts of one model.
#[derive(Debug)]
pub struct Prompter<'m> {
    template: Template,
    tokenizer: &'m Tokenizer,
    guards: Guards<'m>,
}

impl<'m> Prompter<'m> {
    /// A prompter with this template and tokenizer.
    pub fn new(template: Template, tokenizer: &'m Tokenizer) -> Prompter<'m> {
        Prompter { template, tokenizer, guards: Guards::new(tokenizer) }
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The tokens of a conversation, up to where the model's answer begins.
    ///
    /// # Errors
    /// Those of [`Template::render`] and of [`Guards::guard_all`].
    // ANCHOR: encode
    pub fn encode(&self, messages: &[Message]) -> Result<Vec<u32>> {
        let (guarded, guard) = self.guards.guard_all(messages, self.template.source())?;
        let text = self.template.render(&guarded, true)?;
        self.tokenizer.encode_guarded(&text, guard)
    }
    // ANCHOR_END: encode

    /// Checks that a question can be answered: a message of one character, as the template writes it,
    /// and a token of the answer.
    ///
    /// # Errors
    /// [`Error::Setting`](stage01_bigram::Error::Setting) when the context, of so many tokens, is too short for them.
    pub fn require_context(&self, context: usize) -> Result<()> {
        match self.encode(&[Message::user("a")]) {
            Ok(prompt) => require_context(context, prompt.len() + 1),
            // A template may want more than one message. What it refuses is said when it is asked.
            Err(_) => require_context(context, 2),
        }
    }

    /// The token with which a turn of the model ends, where the template writes one: the one behind
    /// the words of an answer.
    pub fn end_of_turn(&self) -> Option<u32> {
        end_of_turn(self.tokenizer, |messages| self.template.render(messages, false))
    }
}
