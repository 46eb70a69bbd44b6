//! A plain template, for models that have none of their own.
//!
//! ```text
//! Answer in one sentence.          the system text, where there is one
//!
//! User:
//! What is gravity?
//!
//! Assistant:
//! Masses attract each other.<|endoftext|>
//! ```
//!
//! It is made of words that every base model has seen, in the form of a play, so there is little to
//! learn: to answer, and to end. New special tokens such as `<|im_start|>` would need embeddings that
//! begin as noise. The only special token is the one that the model knows as the end of a text, and it
//! ends each answer, so that every program which stops at the end of a text stops there. A name stands
//! on a line of its own, because the tokenizers split at a line break: the tokens of the prompt do not
//! depend on how the answer begins. White space around a message is removed for the same reason.
//!
//! The same template in Jinja, [`PlainTemplate::jinja`], goes into the directory of the model, so that
//! `chat`, `transformers` and llama.cpp write conversations as they were learned; a test compares the
//! two.
//!
//! What this file leaves out: a guard against a message that spells `Assistant:`. Only special
//! tokens can be guarded ([`guard`](stage03_gpt::message::guard)); a plain name is text as any other.

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use stage03_gpt::message::{Message, Role};

/// What is wrong with an order of roles.
const ORDER: &str = "after the system text, which may be missing, user and assistant take turns, and \
                     the user is first";

/// The plain template of one tokenizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainTemplate {
    /// What the tokenizer begins each text with; often nothing.
    begin: String,
    /// The token that ends an answer, and its spelling.
    end: (u32, String),
    jinja: String,
}

impl PlainTemplate {
    /// The template for a tokenizer.
    ///
    /// eos: the tokens that end a text, as the model's files name them. The first that is a special
    /// token ends an answer; without one, the tokenizer's end-of-text token.
    ///
    /// # Errors
    /// [`Error::Text`] when there is no such token, as in a vocabulary of characters.
    pub fn of(tokenizer: &Tokenizer, eos: &[u32]) -> Result<PlainTemplate> {
        let is_special = |id: &&u32| tokenizer.is_special(**id);
        let end = eos.iter().find(is_special).copied().or(tokenizer.end_of_text());
        let spelled = |id: u32| tokenizer.added_tokens().iter().find(|token| token.id == id);
        let Some(end) = end.and_then(spelled) else {
            let problem = "it has no token that ends a text, so no answer would ever end";
            let remedy = "take a model with such a token, for example one that was trained with \
                          --tokenizer bpe or gpt2";
            return Err(Error::text("the tokenizer", problem, remedy));
        };
        let begin = tokenizer.decode(&tokenizer.template().before)?;
        let end = (end.id, end.content.clone());
        let jinja = jinja(&begin, &end.1);
        Ok(PlainTemplate { begin, end, jinja })
    }

    /// The token that ends an answer.
    pub fn end(&self) -> u32 {
        self.end.0
    }

    /// The same template in Jinja, for the entry `chat_template` of a model's files.
    pub fn jinja(&self) -> &str {
        &self.jinja
    }

    // ANCHOR: render
    /// Writes messages as one text.
    ///
    /// add_generation_prompt: whether the text ends where the model's answer begins.
    ///
    /// # Errors
    /// [`Error::Text`] when the roles come in another order than system (may be missing), user,
    /// assistant, user, assistant …
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let system = usize::from(messages.first().is_some_and(|m| m.role == Role::System));
        let mut text = self.begin.clone();
        for (at, message) in messages.iter().enumerate() {
            let content = message.content.trim();
            if at > 0 {
                text += "\n\n";
            }
            match (message.role, at.checked_sub(system).map(|turn| turn % 2)) {
                (Role::System, None) => text += content,
                (Role::User, Some(0)) => text += &format!("User:\n{content}"),
                (Role::Assistant, Some(1)) => {
                    text += &format!("Assistant:\n{content}{}", self.end.1);
                }
                (role, _) => {
                    let (at, role) = (at + 1, role.name());
                    let problem = format!("message {at} is of the role {role}, out of order");
                    return Err(Error::text(
                        "the conversation",
                        problem,
                        format!("expected: {ORDER}"),
                    ));
                }
            }
        }
        if add_generation_prompt {
            text += if messages.is_empty() { "Assistant:\n" } else { "\n\nAssistant:\n" };
        }
        Ok(text)
    }
    // ANCHOR_END: render
}

/// The template in Jinja. It has no line breaks of its own: programs differ in what they do with
/// them.
fn jinja(begin: &str, end: &str) -> String {
    [
        &format!("{{{{ {} }}}}", quoted(begin)),
        "{% set first = 1 if messages and messages[0].role == 'system' else 0 %}",
        "{% for message in messages %}",
        "{% if not loop.first %}{{ '\\n\\n' }}{% endif %}",
        "{% set turn = (loop.index0 - first) % 2 %}",
        "{% if loop.index0 < first %}{{ message.content | trim }}",
        "{% elif message.role == 'user' and turn == 0 %}",
        "{{ 'User:\\n' + message.content | trim }}",
        "{% elif message.role == 'assistant' and turn == 1 %}",
        &format!("{{{{ 'Assistant:\\n' + message.content | trim + {} }}}}", quoted(end)),
        &format!("{{% else %}}{{{{ raise_exception('{ORDER}') }}}}{{% endif %}}"),
        "{% endfor %}",
        "{% if add_generation_prompt %}{% if messages %}{{ '\\n\\n' }}{% endif %}",
        "{{ 'Assistant:\\n' }}{% endif %}",
    ]
    .concat()
}

/// A text as a string of Jinja.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\n' => quoted += "\\n",
            '\'' | '\\' => quoted.extend(['\\', c]),
            _ => quoted.push(c),
        }
    }
    quoted + "'"
}
