//! The thread of the model: it takes one job after another, and writes its answers.
//!
//! There is one KV cache. It keeps the tokens of the last job, and of the next prompt only what
//! differs is read: the next turn of a conversation begins like the last one ended.
//!
//! Between two tokens it looks whether the client is still there, whether its time is over, and
//! whether the server was told to stop. A prompt is read in parts for the same reason.
//!
//! What this file leaves out: HTTP and JSON.

use std::time::Instant;

use loopback_server::StatusCode;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::sampling::repetition::RepetitionPenalty;
use stage01_bigram::{Error, Result};

use super::error::ApiError;
use super::job::{Desk, Event, FinishReason, Job, Outcome};
use super::queue::Waiting;
use super::request::{Prompt, Sampling};
use super::stop::StopSequences;
use super::token;
use crate::chat::message::Message;
use crate::chat::prompt::Prompter;
use crate::chat::template::Template;
use crate::generate::Decoder;
use crate::model::{Model, encode_prompt};
use crate::text_stream::TextStream;

/// How many tokens of a prompt are read at once.
const CHUNK: usize = 128;

/// A model and its KV cache.
pub struct Engine<'m> {
    model: &'m Model,
    decoder: Decoder<'m, f32>,
    /// None where the model was never taught to chat.
    prompter: Option<Prompter<'m>>,
    /// The tokens that end a text, and those that end a turn.
    ends: (Vec<u32>, Vec<u32>),
}

/// Why a job ends before its answers are complete.
enum Early {
    Left,
    Failed(ApiError),
}

impl From<ApiError> for Early {
    fn from(error: ApiError) -> Early {
        Early::Failed(error)
    }
}

impl<'m> Engine<'m> {
    /// An engine with an empty cache.
    ///
    /// # Errors
    /// Those of [`check`], and when the cache does not fit into memory.
    pub fn new(model: &'m Model) -> Result<Engine<'m>> {
        let prompter = prompter(model)?;
        let texts = model.special.eos.clone();
        let mut turns = texts.clone();
        turns.extend(prompter.as_ref().and_then(Prompter::end_of_turn));
        Ok(Engine { model, decoder: model.decoder(None)?, prompter, ends: (texts, turns) })
    }

    /// Takes jobs from the desk until its queue is closed.
    pub fn work(&mut self, desk: &Desk) {
        while let Some(job) = desk.queue.pop() {
            desk.set_running(true);
            let outcome = match self.answer(&job, desk) {
                Ok(()) => Outcome::Answered,
                Err(Early::Left) => Outcome::Abandoned,
                Err(Early::Failed(error)) => {
                    let _ = job.events.send(Event::Failed(error));
                    Outcome::Failed
                }
            };
            desk.count(outcome);
            desk.set_running(false);
        }
    }

    /// Writes all answers of a job.
    fn answer(&mut self, job: &Job, desk: &Desk) -> std::result::Result<(), Early> {
        if Instant::now() >= job.deadline {
            let words = "the time for this request was over before its turn came; try again later";
            return Err(ApiError::busy(words).into());
        }
        let prompts = job.prompts.iter().map(|prompt| self.tokens(prompt));
        let prompts = prompts.collect::<std::result::Result<Vec<_>, ApiError>>()?;
        let prompt_tokens = prompts.iter().map(Vec::len).sum();
        send(job, Event::Begun { prompt_tokens })?;
        for (index, tokens) in prompts.iter().enumerate() {
            self.continue_text(job, desk, index, tokens)?;
        }
        Ok(())
    }

    /// The tokens of a prompt: at least one, and fewer than the context has.
    fn tokens(&self, prompt: &Prompt) -> std::result::Result<Vec<u32>, ApiError> {
        let Model { tokenizer, special, gpt, .. } = self.model;
        let (param, tokens) = match prompt {
            Prompt::Messages(messages) => (
                "messages",
                match &self.prompter {
                    Some(prompter) => prompter.encode(messages),
                    None => self.plain_turns(messages),
                },
            ),
            Prompt::Text(text) => (
                "prompt",
                match (text.as_str(), special.bos) {
                    ("", Some(bos)) => Ok(vec![bos]),
                    ("", None) => encode_prompt(tokenizer, "\n"),
                    (text, _) => encode_prompt(tokenizer, text),
                },
            ),
            Prompt::Tokens(tokens) => {
                let vocab_size = gpt.config().vocab_size;
                let unknown = tokens.iter().find(|&&token| token as usize >= vocab_size);
                let unknown = unknown.map(|&token| Error::UnknownToken { token, vocab_size });
                ("prompt", unknown.map_or(Ok(tokens.clone()), Err))
            }
        };
        let tokens = tokens.map_err(|error| ApiError::param(param, error.to_string()))?;
        let context = gpt.config().block_size;
        match tokens.len() {
            0 => Err(ApiError::param(param, "it has no tokens; write at least one character")),
            given if given >= context => Err(ApiError::too_long(param, given, context)),
            _ => Ok(tokens),
        }
    }

    /// A conversation for a model without a template: a message on each line, as such a model
    /// continues texts and knows no turns.
    fn plain_turns(&self, messages: &[Message]) -> Result<Vec<u32>> {
        let text: String = messages.iter().map(|message| message.content.clone() + "\n").collect();
        let mut tokens: Vec<u32> = self.model.special.bos.into_iter().collect();
        tokens.extend(self.model.tokenizer.encode(&text)?);
        Ok(tokens)
    }

    /// Writes one answer.
    fn continue_text(
        &mut self,
        job: &Job,
        desk: &Desk,
        index: usize,
        prompt: &[u32],
    ) -> std::result::Result<(), Early> {
        let Sampling { seed, max_tokens, ref stop, .. } = job.sampling;
        let cached_tokens = self.read(prompt, job, desk)?;
        let turns = matches!(job.prompts[index], Prompt::Messages(_));
        // A model that knows no turns answers with one line.
        let line = turns && self.prompter.is_none();
        let mut stop = stop.clone();
        stop.extend(line.then(|| "\n".to_string()));
        let mut output = Output {
            stream: TextStream::default(),
            stop: StopSequences::new(&stop),
            skipping: line,
            index,
        };
        let mut sampler = sampler(&job.sampling)?;
        let seed = seed.unwrap_or_else(token::random);
        let mut rng = generator(seed, Purpose::Sampling, index as u64);
        let space = self.model.gpt.config().block_size - prompt.len();
        let limit = max_tokens.unwrap_or(space).min(space);
        let mut sampled = 0;
        let reason = loop {
            if sampled == limit || is_over(job, desk) {
                break FinishReason::Length;
            }
            if job.has_left() {
                return Err(Early::Left);
            }
            self.decoder.check().map_err(broken)?;
            let token = self.decoder.decode_step(&mut sampler, &mut rng);
            sampled += 1;
            let ends = if turns { &self.ends.1 } else { &self.ends.0 };
            if ends.contains(&token) {
                break FinishReason::Stop;
            }
            output.stream.push(&self.bytes_of(token).map_err(broken)?);
            let text = output.stream.ready();
            if output.write(&text, job)? {
                break FinishReason::Stop;
            }
        };
        let found = output.finish(job)?;
        let reason = if found { FinishReason::Stop } else { reason };
        send(job, Event::Ended { index, reason, completion_tokens: sampled, cached_tokens })
    }

    /// Brings the cache to the tokens of a prompt. Returns how many of them it had.
    fn read(
        &mut self,
        prompt: &[u32],
        job: &Job,
        desk: &Desk,
    ) -> std::result::Result<usize, Early> {
        let context = self.decoder.context();
        let same = context.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        let kept = match job.sampling.seed {
            // What was read in other parts differs in the last digits, and in the end in a word.
            Some(_) => 0,
            None => same.min(prompt.len() - 1), // the last one is read for its logits
        };
        self.decoder.truncate(kept);
        for chunk in prompt[kept..].chunks(CHUNK) {
            if job.has_left() {
                return Err(Early::Left);
            }
            if is_over(job, desk) {
                let words = "the time for this request was over while its prompt was read";
                return Err(ApiError::busy(words).into());
            }
            self.decoder.prefill(chunk).map_err(broken)?;
        }
        Ok(kept)
    }

    /// The bytes of a token. Special tokens are no text, and a model may have more places for
    /// tokens than its tokenizer has tokens.
    fn bytes_of(&self, token: u32) -> Result<Vec<u8>> {
        let tokenizer = &self.model.tokenizer;
        match (token as usize) < tokenizer.vocab_size() && !tokenizer.is_special(token) {
            true => tokenizer.decode_bytes(&[token]),
            false => Ok(Vec::new()),
        }
    }
}

/// Checks that a model can answer anything at all.
///
/// # Errors
/// When its chat template is broken, and when its context is too short for any answer.
pub fn check(model: &Model) -> Result<()> {
    prompter(model).map(drop)
}

/// Makes the prompts of a model that was taught to chat, whose context is long enough.
fn prompter(model: &Model) -> Result<Option<Prompter<'_>>> {
    if model.text_settings.chat_template.is_none() {
        return model.require_line_context().map(|()| None);
    }
    let prompter = Prompter::new(Template::of(model)?, &model.tokenizer);
    prompter.require_context(model.gpt.config().block_size)?;
    Ok(Some(prompter))
}

/// The text of an answer, on its way to the client.
struct Output {
    stream: TextStream,
    stop: StopSequences,
    /// Spaces and line breaks are left out until the text begins.
    skipping: bool,
    index: usize,
}

impl Output {
    /// Sends text. Returns whether a stop sequence was found; what was written before it is sent.
    fn write(&mut self, text: &str, job: &Job) -> std::result::Result<bool, Early> {
        let text = if self.skipping { text.trim_start() } else { text };
        if text.is_empty() {
            return Ok(false);
        }
        self.skipping = false;
        let (ready, found) = self.stop.push(text);
        self.send(ready, job)?;
        Ok(found)
    }

    /// Sends what was held back. Returns whether a stop sequence was found in it.
    fn finish(mut self, job: &Job) -> std::result::Result<bool, Early> {
        let rest = self.stream.rest();
        if self.write(&rest, job)? {
            return Ok(true);
        }
        let held = std::mem::replace(&mut self.stop, StopSequences::new(&[])).finish();
        self.send(held, job)?;
        Ok(false)
    }

    fn send(&self, text: String, job: &Job) -> std::result::Result<(), Early> {
        match text.is_empty() {
            true => Ok(()),
            false => send(job, Event::Text { index: self.index, text }),
        }
    }
}

fn send(job: &Job, event: Event) -> std::result::Result<(), Early> {
    job.events.send(event).map_err(|_| Early::Left)
}

/// Whether the time of a job is over, or that of the server.
fn is_over(job: &Job, desk: &Desk) -> bool {
    let now = Instant::now();
    now >= job.deadline || desk.cut.get().is_some_and(|&cut| now >= cut)
}

/// An error that no client has caused.
fn broken(error: Error) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// The sampler of a request.
fn sampler(sampling: &Sampling) -> std::result::Result<Sampler, ApiError> {
    let &Sampling { temperature, top_k, top_p, repetition_penalty, .. } = sampling;
    let repetition = RepetitionPenalty::new(repetition_penalty, RepetitionPenalty::WINDOW)?;
    Ok(Sampler::new(temperature, top_k, top_p)?.with_repetition_penalty(repetition))
}
