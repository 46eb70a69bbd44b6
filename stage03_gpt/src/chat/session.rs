//! A KV cache that follows a conversation, and the answers.
//!
//! [`Session::answer`] gets all messages each time, as the clients of a server send them. The
//! prompt that they make begins like what the cache holds: the last prompt, and the answer to it.
//! So only the tokens behind the *longest common prefix* are read, and the cache drops what it
//! has beyond that ([`Decoder::truncate`]). That is right whatever was changed: a turn that is
//! asked again, a message that was edited, an answer whose text has other tokens than those that
//! were sampled, another conversation.
//!
//! ```text
//! cache    <|im_start|> user \n Hi <|im_end|> \n <|im_start|> assistant \n Hello ! <|im_end|>
//! prompt   <|im_start|> user \n Hi <|im_end|> \n <|im_start|> assistant \n Hello ! <|im_end|> \n <|im_start|> user …
//!          ----------------------------- kept ---------------------------------------------- ------ read ----
//! ```
//!
//! When the context is full, the oldest turns are left out ([`context`](super::context)): before an
//! answer, and in the middle of one.
//!
//! What this file leaves out: where text goes. A callback gets it, and says whether to continue.

use stage01_bigram::random::Generator;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::{Error, Result};

use super::context::Window;
use super::message::Message;
use super::prompt::Prompter;
use super::template::Template;
use crate::generate::Decoder;
use crate::model::Model;
use crate::text_stream::TextStream;

/// How many tokens of a prompt are read at once; after each such part the callback may stop it.
const CHUNK: usize = 64;

/// What happens while a question is answered. The callback returns whether to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// The context was full, and the oldest messages are left out from now on.
    Shifted {
        /// How many messages are left out, in all.
        dropped: usize,
    },
    /// Some of the prompt was read. Comes once with 0, before anything is read.
    Reading {
        /// How many tokens were read.
        done: usize,
        /// How many tokens there are to read.
        of: usize,
    },
    /// Some of the answer. Never empty.
    Text(&'e str),
    /// A token of the answer brought no text: a special one, or a part of a character. So the callback
    /// is called at each token.
    Silent,
}

/// Why an answer ended. The names of the first two are `stop` and `length` for OpenAI's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its turn.
    Stop,
    /// The largest number of tokens was reached, or the context was full and held only this turn.
    Length,
    /// The callback said so.
    Interrupted,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its text, without special tokens.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// How many tokens the prompt had.
    pub prompt_tokens: usize,
    /// How many of these were in the cache.
    pub cached_tokens: usize,
    /// How many tokens were sampled, with the one that ended the turn.
    pub completion_tokens: usize,
}

/// A conversation with a model, as far as the model's memory goes.
pub struct Session<'m> {
    model: &'m Model,
    prompter: Prompter<'m>,
    decoder: Decoder<'m, f32>,
    ends: Vec<u32>,
    window: Window,
}

impl<'m> Session<'m> {
    /// A session before its first message.
    ///
    /// # Errors
    /// [`Error::Text`] when the model has no chat template, or one that is no program in Jinja;
    /// [`Error::Setting`] when its context is too short for any answer; and those of
    /// [`Model::decoder`].
    pub fn new(model: &'m Model) -> Result<Session<'m>> {
        let prompter = Prompter::new(Template::of(model)?, &model.tokenizer);
        prompter.require_context(model.gpt.config().block_size)?;
        let mut ends = model.special.eos.clone();
        ends.extend(prompter.end_of_turn());
        let decoder = model.decoder(None)?;
        Ok(Session { model, prompter, decoder, ends, window: Window::default() })
    }

    /// How many tokens the model's context has.
    pub fn context_len(&self) -> usize {
        self.model.gpt.config().block_size
    }

    /// The tokens in the cache.
    pub fn tokens(&self) -> &[u32] {
        self.decoder.context()
    }

    /// How many tokens are in the cache.
    pub fn cached(&self) -> usize {
        self.tokens().len()
    }

    /// How many of the messages are left out, because the context was full.
    pub fn dropped(&self) -> usize {
        self.window.dropped()
    }

    /// Looks whether these messages go on with what was answered last. Of another conversation nothing is
    /// left out yet.
    pub fn follow(&mut self, messages: &[Message]) {
        self.window.follow(messages);
    }

    /// Begins again: nothing is left out, and nothing is in the cache.
    pub fn clear(&mut self) {
        self.window = Window::default();
        self.decoder.truncate(0);
    }

    /// The tokens with which the model ends its turn.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Makes prompts of messages.
    pub fn prompter(&self) -> &Prompter<'m> {
        &self.prompter
    }

    /// Answers the last message, with at most `max_new_tokens` tokens.
    ///
    /// The event callback returns whether to continue. What was written until it says no is the
    /// answer, and the next call continues from there.
    ///
    /// # Errors
    /// [`Error::Text`] when the template refuses the messages, and when the last turn alone fills
    /// the context; and when the model computes NaN.
    pub fn answer(
        &mut self,
        messages: &[Message],
        sampler: &mut Sampler,
        rng: &mut Generator,
        max_new_tokens: usize,
        mut event: impl FnMut(Event) -> bool,
    ) -> Result<Answer> {
        let prompt = self.prompt(messages, max_new_tokens, &mut event)?;
        let prompt_tokens = prompt.len();
        let cached_tokens = common_prefix(self.decoder.context(), &prompt);
        let mut answer = Answer {
            text: String::new(),
            finish: Finish::Interrupted,
            prompt_tokens,
            cached_tokens,
            completion_tokens: 0,
        };
        if !self.read(&prompt, &mut event)? {
            return Ok(answer);
        }
        let mut stream = TextStream::default();
        let mut sampled: Vec<u32> = Vec::new();
        answer.finish = loop {
            if sampled.len() == max_new_tokens {
                break Finish::Length;
            }
            if self.cached() == self.context_len() {
                match self.shift(messages, &sampled, &mut event)? {
                    Some(true) => {}
                    Some(false) => break Finish::Interrupted,
                    None => break Finish::Length,
                }
            }
            self.decoder.check()?;
            let token = self.decoder.decode_step(sampler, rng);
            sampled.push(token);
            if self.ends.contains(&token) {
                break Finish::Stop;
            }
            stream.push(&self.text_of(token)?);
            let ready = stream.ready();
            answer.text.push_str(&ready);
            let written = if ready.is_empty() { Event::Silent } else { Event::Text(&ready) };
            if !event(written) {
                break Finish::Interrupted;
            }
        };
        let rest = stream.rest();
        if !rest.is_empty() {
            answer.text.push_str(&rest);
            event(Event::Text(&rest));
        }
        answer.completion_tokens = sampled.len();
        Ok(answer)
    }

    /// The prompt, which leaves room for an answer where older turns can be left out for it.
    fn prompt(
        &mut self,
        messages: &[Message],
        max_new_tokens: usize,
        event: &mut impl FnMut(Event) -> bool,
    ) -> Result<Vec<u32>> {
        let context = self.context_len();
        let reserved = max_new_tokens.clamp(1, context.div_ceil(4));
        self.window.follow(messages);
        let before = self.window.dropped();
        let Session { window, prompter, .. } = self;
        let prompt =
            window.fit(messages, context - reserved, |messages| prompter.encode(messages))?;
        if prompt.is_empty() {
            let problem = "it writes nothing for this conversation";
            return Err(Error::text("the model's chat template", problem, "take another model"));
        }
        if prompt.len() >= context {
            let problem = format!(
                "the system text and the last message have {} tokens, and the context of the model \
                 has {context}",
                prompt.len()
            );
            return Err(Error::text("the conversation", problem, "write less at a time"));
        }
        let dropped = self.window.dropped();
        if dropped > before {
            event(Event::Shifted { dropped });
        }
        Ok(prompt)
    }

    /// Brings the cache to exactly these tokens: keeps what they begin with, and reads the rest. At
    /// least the last one is read, for its logits. Returns false if the callback stopped it.
    // ANCHOR: common_prefix
    fn read(&mut self, tokens: &[u32], event: &mut impl FnMut(Event) -> bool) -> Result<bool> {
        let same = common_prefix(self.decoder.context(), tokens);
        let kept = same.min(tokens.len() - 1);
        self.decoder.truncate(kept);
        let (mut done, of) = (0, tokens.len() - kept);
        for chunk in tokens[kept..].chunks(CHUNK) {
            if !event(Event::Reading { done, of }) {
                return Ok(false);
            }
            self.decoder.prefill(chunk)?;
            done += chunk.len();
        }
        Ok(event(Event::Reading { done, of }))
    }
    // ANCHOR_END: common_prefix

    /// A context shift in the middle of an answer: the oldest turns are left out, and the rest is
    /// read again, with what was sampled so far. Returns `None` where only the last turn is left,
    /// and otherwise whether to continue.
    fn shift(
        &mut self,
        messages: &[Message],
        sampled: &[u32],
        event: &mut impl FnMut(Event) -> bool,
    ) -> Result<Option<bool>> {
        let (half, Session { window, prompter, .. }) = (self.context_len() / 2, &mut *self);
        if !window.drop_oldest(messages) {
            return Ok(None);
        }
        let mut tokens =
            window.shorten(messages, half.saturating_sub(sampled.len()), |messages| {
                prompter.encode(messages)
            })?;
        tokens.extend(sampled);
        if tokens.len() >= self.context_len() {
            return Ok(None);
        }
        let dropped = self.window.dropped();
        Ok(Some(event(Event::Shifted { dropped }) && self.read(&tokens, event)?))
    }

    /// The bytes of a token. Special tokens are no text, and a model may have more places for
    /// tokens than its tokenizer has tokens.
    fn text_of(&self, token: u32) -> Result<Vec<u8>> {
        let tokenizer = &self.model.tokenizer;
        match (token as usize) < tokenizer.vocab_size() && !tokenizer.is_special(token) {
            true => tokenizer.decode_bytes(&[token]),
            false => Ok(Vec::new()),
        }
    }
}

/// How many tokens both begin with.
fn common_prefix(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
