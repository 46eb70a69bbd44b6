//! What a client asks for, read from JSON and checked.
//!
//! What this file leaves out: which fields have no effect ([`fields`](super::fields)), and the
//! tokens of a prompt, which the thread of the model makes ([`engine`](super::engine)).

use serde_json::Value;

use super::error::{ApiError, shown};
use super::fields::Fields;
use crate::chat::message::{Message, Role};

/// The most stop sequences, and bytes in each.
const STOPS: (usize, usize) = (16, 1000);
/// The most prompts in one request.
const PROMPTS: usize = 16;
/// The most messages in one request.
const MESSAGES: usize = 10_000;
/// How many tokens a completion has unless told otherwise, as in OpenAI's interface.
const COMPLETION_TOKENS: usize = 16;

/// What is to be continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A conversation, which the model's template writes as a text.
    Messages(Vec<Message>),
    /// A text, in which special tokens may be spelled.
    Text(String),
    /// Tokens.
    Tokens(Vec<u32>),
}

/// How an answer is sampled, and where it ends. A request that leaves a field out gets the server's.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 always takes the likeliest.
    pub temperature: f64,
    /// Samples among the K likeliest tokens only.
    pub top_k: Option<usize>,
    /// Samples among the likeliest tokens that together reach this probability.
    pub top_p: Option<f64>,
    /// Lowers the logits of the tokens that were written lately; 1 is off.
    pub repetition_penalty: f64,
    /// The random seed; without one each answer is another. With one, the whole prompt is read again, so
    /// that the answer is the same to the last token.
    pub seed: Option<u64>,
    /// The largest number of tokens; without one the context is the limit.
    pub max_tokens: Option<usize>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 0.8,
            top_k: None,
            top_p: None,
            repetition_penalty: 1.0,
            seed: None,
            max_tokens: None,
            stop: Vec::new(),
        }
    }
}

/// A request for one or several answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is to be continued; one answer for each.
    pub prompts: Vec<Prompt>,
    /// How.
    pub sampling: Sampling,
    /// Whether the answer is sent while it is written.
    pub stream: bool,
    /// Whether the end of a stream says how many tokens there were.
    pub include_usage: bool,
}

impl Request {
    /// A request for `/v1/chat/completions`.
    ///
    /// - `body`: the bytes of the request
    /// - `model`: the name of the model that is served
    /// - `defaults`: what a request gets that says nothing
    ///
    /// # Errors
    /// The parameter that is wrong, and why.
    pub fn chat(body: &[u8], model: &str, defaults: &Sampling) -> Result<Request, ApiError> {
        let mut fields = fields(body, model)?;
        let messages = match fields.take("messages") {
            Some(Value::Array(messages)) if !messages.is_empty() => messages,
            Some(other) => {
                return Err(fields.wrong("messages", "a list of at least one message", &other));
            }
            None => return Err(ApiError::param("messages", "it is missing")),
        };
        if messages.len() > MESSAGES {
            let words = format!("expected at most {MESSAGES}, not {}", messages.len());
            return Err(ApiError::param("messages", words));
        }
        let messages = messages.into_iter().enumerate().map(|(at, value)| message(at, value));
        let prompts = vec![Prompt::Messages(messages.collect::<Result<_, _>>()?)];
        rest(fields, prompts, defaults)
    }

    /// A request for `/v1/completions`.
    ///
    /// # Errors
    /// The parameter that is wrong, and why.
    pub fn completion(body: &[u8], model: &str, defaults: &Sampling) -> Result<Request, ApiError> {
        let mut fields = fields(body, model)?;
        let prompts = prompts(&mut fields)?;
        let max_tokens = defaults.max_tokens.or(Some(COMPLETION_TOKENS));
        rest(fields, prompts, &Sampling { max_tokens, ..defaults.clone() })
    }
}

/// The fields of a request, whose model is the one that is served.
fn fields(body: &[u8], model: &str) -> Result<Fields, ApiError> {
    let bad = |words: String| ApiError::param("the request body", words);
    let text = std::str::from_utf8(body)
        .map_err(|error| bad(format!("it is not UTF-8, from byte {} on", error.valid_up_to())))?;
    let value = serde_json::from_str(text)
        .map_err(|error| bad(format!("it cannot be read as JSON: {error}")))?;
    let mut fields = Fields::new(value, "")?;
    if let Some(given) = fields.text("model")?
        && given != model
    {
        let given = shown(&given.into());
        let words = format!("there is no model {given} here; this server has {model:?}");
        let error = ApiError::param("model", words).code("model_not_found");
        return Err(ApiError { status: loopback_server::StatusCode::NOT_FOUND, ..error });
    }
    Ok(fields)
}

/// What both kinds of request have.
fn rest(
    mut fields: Fields,
    prompts: Vec<Prompt>,
    defaults: &Sampling,
) -> Result<Request, ApiError> {
    let sampling = sampling(&mut fields, defaults)?;
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let mut include_usage = false;
    if let Some(options) = fields.take("stream_options") {
        let mut options = Fields::new(options, "stream_options")?;
        if !stream {
            return Err(ApiError::param("stream_options", "it needs \"stream\": true"));
        }
        include_usage = options.boolean("include_usage")?.unwrap_or(false);
        if options.boolean("include_obfuscation")? == Some(true) {
            let words = "this server only has false here";
            return Err(ApiError::unsupported("stream_options.include_obfuscation", words));
        }
        options.finish()?;
    }
    fields.take_without_effect()?;
    fields.finish()?;
    Ok(Request { prompts, sampling, stream, include_usage })
}

fn sampling(fields: &mut Fields, defaults: &Sampling) -> Result<Sampling, ApiError> {
    let tokens = |fields: &mut Fields, name| fields.integer(name, 1);
    let max_tokens = match (
        tokens(fields, "max_completion_tokens")?,
        tokens(fields, "max_tokens")?, // the older name
    ) {
        (Some(new), Some(old)) if new != old => {
            let words = format!("{old} and max_completion_tokens = {new} differ; give one of them");
            return Err(ApiError::param("max_tokens", words));
        }
        (new, old) => new.or(old).map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
    };
    // Both 0 and -1 mean in other servers that there is no such filter.
    let top_k = fields.integer("top_k", -1)?;
    let (mut temperature, mut top_p) =
        (fields.number("temperature", 0.0, 2.0)?, fields.number("top_p", 0.0, 1.0)?);
    if top_p == Some(0.0) {
        (temperature, top_p) = (Some(0.0), None); // the likeliest alone
    }
    let repetition_penalty = fields.number("repetition_penalty", 0.01, 100.0)?;
    Ok(Sampling {
        temperature: temperature.unwrap_or(defaults.temperature),
        top_k: match top_k {
            None => defaults.top_k,
            Some(k) => usize::try_from(k).ok().filter(|&k| k > 0),
        },
        top_p: top_p.or(defaults.top_p),
        repetition_penalty: repetition_penalty.unwrap_or(defaults.repetition_penalty),
        seed: fields.integer("seed", i64::MIN)?.map(|seed| seed as u64).or(defaults.seed),
        max_tokens: max_tokens.or(defaults.max_tokens),
        stop: stop(fields)?,
    })
}

/// One stop sequence, or a list of them.
fn stop(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    let (most, longest) = STOPS;
    let one = format!("a string of 1 to {longest} bytes");
    let fits = |value: &Value| {
        value.as_str().is_some_and(|text| !text.is_empty() && text.len() <= longest)
    };
    match fields.take("stop") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= most => {
            if let Some((at, wrong)) = list.iter().enumerate().find(|(_, value)| !fits(value)) {
                return Err(fields.wrong(&format!("stop[{at}]"), &one, wrong));
            }
            Ok(list.iter().filter_map(Value::as_str).map(String::from).collect())
        }
        Some(Value::String(text)) if fits(&Value::from(&*text)) => Ok(vec![text]),
        Some(other) => {
            let expected = format!("{one}, or a list of at most {most} of these");
            Err(fields.wrong("stop", &expected, &other))
        }
    }
}

/// A prompt, or a list of prompts: texts, or tokens.
fn prompts(fields: &mut Fields) -> Result<Vec<Prompt>, ApiError> {
    let expected = format!("a string, a list of tokens, or a list of 1 to {PROMPTS} of these");
    let token = |value: &Value| value.as_u64().and_then(|token| u32::try_from(token).ok());
    let tokens = |list: &[Value]| -> Option<Prompt> {
        list.iter().map(token).collect::<Option<_>>().map(Prompt::Tokens)
    };
    let one = |value: Value| match value {
        Value::String(text) => Some(Prompt::Text(text)),
        Value::Array(list) if !list.is_empty() => tokens(&list),
        _ => None,
    };
    match fields.take("prompt") {
        None => Err(ApiError::param("prompt", "it is missing")),
        Some(Value::String(text)) => Ok(vec![Prompt::Text(text)]),
        Some(Value::Array(list)) if list.first().is_some_and(Value::is_number) => {
            match list.iter().enumerate().find(|(_, value)| token(value).is_none()) {
                None => Ok(vec![Prompt::Tokens(list.iter().filter_map(token).collect())]),
                Some((at, wrong)) => {
                    Err(fields.wrong(&format!("prompt[{at}]"), "the number of a token", wrong))
                }
            }
        }
        Some(Value::Array(list)) if (1..=PROMPTS).contains(&list.len()) => list
            .into_iter()
            .enumerate()
            .map(|(at, value)| {
                let given = shown(&value);
                one(value).ok_or_else(|| {
                    let words = format!("expected a string or a list of tokens, not {given}");
                    ApiError::param(format!("prompt[{at}]"), words)
                })
            })
            .collect(),
        Some(other) => Err(fields.wrong("prompt", &expected, &other)),
    }
}

/// The message at an index of the list.
fn message(at: usize, value: Value) -> Result<Message, ApiError> {
    let mut fields = Fields::new(value, &format!("messages[{at}]"))?;
    let role = match fields.text("role")? {
        None => return Err(ApiError::param(fields.name("role"), "it is missing")),
        Some(name) => Role::parse(&name).ok_or_else(|| {
            fields.wrong("role", "system, developer, user or assistant", &name.into())
        })?,
    };
    let content = match fields.take("content") {
        Some(Value::String(content)) => content,
        Some(Value::Array(parts)) => {
            let name = fields.name("content");
            let parts = parts.into_iter().enumerate();
            parts
                .map(|(at, value)| part(&format!("{name}[{at}]"), value))
                .collect::<Result<_, _>>()?
        }
        Some(other) => {
            return Err(fields.wrong("content", "a string or a list of text parts", &other));
        }
        None => return Err(ApiError::param(fields.name("content"), "it is missing")),
    };
    for field in ["refusal", "annotations", "audio", "tool_calls", "function_call"] {
        // An answer that a client sends back has these, and they are empty.
        match fields.take(field) {
            Some(Value::Array(list)) if list.is_empty() => {}
            None => {}
            Some(_) => {
                let words = "this server reads text alone";
                return Err(ApiError::unsupported(fields.name(field), words));
            }
        }
    }
    fields.finish()?;
    Ok(Message { role, content })
}

/// A part of a content: `{"type": "text", "text": "…"}`.
fn part(name: &str, value: Value) -> Result<String, ApiError> {
    let mut fields = Fields::new(value, name)?;
    match fields.text("type")?.as_deref() {
        Some("text") => {}
        Some(other) => {
            let words = format!("this model reads text alone, not {}", shown(&other.into()));
            return Err(ApiError::unsupported(fields.name("type"), words));
        }
        None => return Err(ApiError::param(fields.name("type"), "it is missing")),
    }
    let text = fields.text("text")?;
    let text = text.ok_or_else(|| ApiError::param(fields.name("text"), "it is missing"))?;
    fields.finish()?;
    Ok(text)
}

#[cfg(test)]
mod tests;
