//! The tokens of a conversation, and which of them are learned.
//!
//! A template says what is written, not who said it. So the answers are found by writing the
//! beginnings of the conversation: up to before an answer, with the words that make the model answer,
//! and up to behind it. Each of these texts must begin with the one before it, and what it has more is
//! the answer:
//!
//! ```text
//! <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n
//! <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n
//!                                                        ---- learned ----
//! ```
//!
//! Of the answer is learned what the model shall write itself: its tokens, up to the first that ends a
//! turn. A template that writes the beginning of a conversation in another way than the whole, such as
//! one that leaves out what the model thought in earlier turns, is refused.
//!
//! The tokens are those that the model has seen when it answers. The prompt is encoded as a whole, as
//! `chat` does it, and the answer's tokens follow. That is usually what encoding both together gives.
//! Where it is not, because the tokenizer would merge the end of the prompt with the beginning of the
//! answer, the answer is encoded alone: no model can take back a token of its prompt. In later turns of
//! such a conversation `chat`, which encodes everything again, has other tokens at that place.
//!
//! A message that spells a special token does not become one ([`guard`](stage03_gpt::message::guard)).

use stage01_bigram::text::thousands;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use stage03_gpt::message::guard::Guards;
use stage03_gpt::message::{Message, Role, end_of_turn};

use super::example::{Example, Origin, prompt_hash};
use super::template::Template;

/// Encodes conversations.
#[derive(Debug)]
pub struct Encoder<'t> {
    template: Template,
    tokenizer: &'t Tokenizer,
    guards: Guards<'t>,
    ends: Vec<u32>,
    block_size: usize,
}

impl<'t> Encoder<'t> {
    /// An encoder.
    ///
    /// eos: the tokens that end a text, as the model's files name them. block_size: the most tokens
    /// of an example.
    ///
    /// # Errors
    /// [`Error::Text`] when neither the model nor the template has a token that ends an answer.
    pub fn new(
        template: Template,
        tokenizer: &'t Tokenizer,
        eos: &[u32],
        block_size: usize,
    ) -> Result<Encoder<'t>> {
        let mut ends = eos.to_vec();
        ends.extend(end_of_turn(tokenizer, |messages| template.render(messages, false)));
        if ends.is_empty() {
            let problem = "it writes no token behind an answer, so no answer would ever end";
            let remedy = "take another model, or correct the template";
            return Err(Error::text("the model's chat template", problem, remedy));
        }
        Ok(Encoder { template, tokenizer, guards: Guards::new(tokenizer), ends, block_size })
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The tokens that end an answer.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The example of a conversation.
    ///
    /// # Errors
    /// [`Error::Text`] when the template refuses the messages, leaves out the system text, writes no
    /// token that ends an answer, or writes the beginning of the conversation in another way than the
    /// whole; and when there are more than `block_size` tokens, with their number.
    // ANCHOR: encode
    pub fn encode(&self, messages: &[Message]) -> Result<Example> {
        // Each message takes a token at least; more of them are not even written.
        if messages.len() > self.block_size {
            return Err(self.too_long(messages.len(), "messages"));
        }
        let (guarded, guard) = self.guards.guard_all(messages, self.template.jinja())?;
        let encode = |text: &str| self.tokenizer.encode_guarded(text, guard);
        let whole = self.template.render(&guarded, false)?;
        let length = encode(&whole)?.len();
        if length > self.block_size {
            return Err(self.too_long(length, "tokens"));
        }
        self.require_system(&guarded, &whole)?;

        let (mut text, mut tokens, mut answers) = (String::new(), Vec::new(), Vec::new());
        for (at, message) in messages.iter().enumerate() {
            if message.role != Role::Assistant {
                continue;
            }
            let prompt = self.template.render(&guarded[..at], true)?;
            extend(&mut tokens, &text, &prompt, encode)?;
            let start = tokens.len();
            text = self.template.render(&guarded[..=at], false)?;
            extend(&mut tokens, &prompt, &text, encode)?;
            let end = tokens[start..].iter().position(|token| self.ends.contains(token));
            match end {
                Some(end) if end > 0 => answers.push(start..start + end + 1),
                _ => return Err(without_end(at + 1, end.is_some())),
            }
        }
        extend(&mut tokens, &text, &whole, encode)?;
        // ANCHOR_END: encode
        if tokens.len() > self.block_size {
            return Err(self.too_long(tokens.len(), "tokens"));
        }
        let origin = Origin::Conversation { messages: messages.len() };
        let question = messages.iter().find(|message| message.role == Role::User);
        let question = question.map_or(String::new(), |message| message.content.trim().to_string());
        Ok(Example { tokens, answers, prompt: prompt_hash(messages), question, origin })
    }

    fn too_long(&self, length: usize, what: &str) -> Error {
        let (length, most) = (thousands(length), thousands(self.block_size));
        let problem = format!("it has {length} {what}, and {most} tokens fit into the block size");
        let remedy = "shorten it, or give a larger --block-size if the model has one";
        Error::text("the conversation", problem, remedy)
    }

    /// Refuses a template that leaves out a system text without a word.
    fn require_system(&self, messages: &[Message], whole: &str) -> Result<()> {
        let is_system = |message: &&Message| message.role == Role::System;
        let Some(system) = messages.iter().find(is_system) else { return Ok(()) };
        if whole.contains(system.content.trim()) {
            return Ok(());
        }
        // A template may change the text; one that leaves it out writes the same without it.
        let others: Vec<Message> =
            messages.iter().filter(|message| !is_system(message)).cloned().collect();
        if self.template.render(&others, false).is_ok_and(|text| text != whole) {
            return Ok(());
        }
        let problem = "it leaves out the system text";
        let remedy = "put the text into the first question, or leave it out";
        Err(Error::text("the template", problem, remedy))
    }
}

/// Adds the tokens of what a text has more than the one before it.
///
/// # Errors
/// [`Error::Text`] when it does not begin with the one before.
// ANCHOR: extend
fn extend(
    tokens: &mut Vec<u32>,
    before: &str,
    text: &str,
    encode: impl Fn(&str) -> Result<Vec<u32>>,
) -> Result<()> {
    let more = text.strip_prefix(before).ok_or_else(|| not_a_beginning(before, text))?;
    let both = encode(text)?;
    match both.starts_with(tokens) {
        true => *tokens = both,
        false => tokens.extend(encode(more)?),
    }
    Ok(())
}
// ANCHOR_END: extend

fn not_a_beginning(before: &str, text: &str) -> Error {
    let same = before.chars().zip(text.chars()).take_while(|(a, b)| a == b).count();
    let shown = |text: &str| text.chars().skip(same).take(20).collect::<String>();
    let problem = format!(
        "it writes the beginning of this conversation in two ways, as {:?} and as {:?} after the same \
         {same} characters, so what is the answer's cannot be told",
        shown(before),
        shown(text)
    );
    let remedy = "cut it into conversations of one answer each, or take another template";
    Error::text("the template", problem, remedy)
}

fn without_end(message: usize, ends: bool) -> Error {
    let problem = match ends {
        true => format!("it leaves out the answer in message {message}"),
        false => format!("it writes no token that ends the answer in message {message}"),
    };
    Error::text("the template", problem, "take another model, or correct the template")
}
