//! The responses: a whole one in JSON, or a stream of events.
//!
//! A stream is `text/event-stream` (server-sent events): each event is a line `data: ` with a piece
//! of JSON and an empty line; the last one is `data: [DONE]`.
//!
//! ```text
//! data: {"id":"chatcmpl-…","object":"chat.completion.chunk",…,"choices":[{"index":0,"delta":{"content":"Hel"},…}]}
//!
//! data: [DONE]
//! ```

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use loopback_server::message::{Response, streamed, whole};
use loopback_server::{Bytes, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::error::ApiError;
use super::job::{Event, FinishReason};
use super::request::Request;
use super::token;

/// The most bytes of a stream that are put together before they are sent.
const PIECE: usize = 16 << 10;

/// What all pieces of a reply have in common.
#[derive(Clone, Debug)]
pub struct Reply {
    id: String,
    chat: bool,
    created: u64,
    model: String,
    /// How many answers there will be.
    answers: usize,
    include_usage: bool,
}

/// How many tokens there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    prompt: usize,
    completion: usize,
    cached: usize,
}

impl Usage {
    fn json(self) -> Value {
        let Usage { prompt, completion, cached } = self;
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached},
        })
    }
}

/// The seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl Reply {
    /// A reply of a model.
    ///
    /// - `chat`: whether a conversation is answered, or a text continued
    /// - `request`: what the client asked for
    pub fn new(model: &str, chat: bool, request: &Request) -> Reply {
        Reply {
            id: format!("{}-{}", if chat { "chatcmpl" } else { "cmpl" }, token::name()),
            chat,
            created: now(),
            model: model.to_string(),
            answers: request.prompts.len(),
            include_usage: request.include_usage,
        }
    }

    fn object(&self, kind: &str, choices: Value) -> Value {
        let Reply { id, created, model, .. } = self;
        json!({"id": id, "object": kind, "created": created, "model": model, "choices": choices})
    }

    /// The whole response, once all events have come.
    pub async fn whole(self, mut events: UnboundedReceiver<Event>) -> Response {
        let (mut choices, mut usage) = (Vec::<Value>::new(), Usage::default());
        let mut text = String::new();
        while let Some(event) = events.recv().await {
            match event {
                Event::Begun { prompt_tokens } => usage.prompt = prompt_tokens,
                Event::Text { text: piece, .. } => text.push_str(&piece),
                Event::Ended { index, reason, completion_tokens, cached_tokens } => {
                    usage.completion += completion_tokens;
                    usage.cached += cached_tokens;
                    choices.push(self.choice(index, &std::mem::take(&mut text), reason));
                }
                Event::Failed(error) => return error.response(),
            }
        }
        if choices.len() < self.answers {
            return gone().response();
        }
        let kind = if self.chat { "chat.completion" } else { "text_completion" };
        let mut object = self.object(kind, choices.into());
        object["usage"] = usage.json();
        whole(StatusCode::OK, "application/json", object.to_string())
    }

    fn choice(&self, index: usize, text: &str, reason: FinishReason) -> Value {
        let (reason, logprobs) = (reason.name(), Value::Null);
        match self.chat {
            true => json!({
                "index": index,
                "message": {"role": "assistant", "content": text, "refusal": null},
                "logprobs": logprobs,
                "finish_reason": reason,
            }),
            false => json!({
                "index": index, "text": text, "logprobs": logprobs, "finish_reason": reason,
            }),
        }
    }

    /// The response as a stream. It begins when the job does, so that an error before has its
    /// status.
    pub async fn stream(self, mut events: UnboundedReceiver<Event>) -> Response {
        let mut usage = Usage::default();
        match events.recv().await {
            Some(Event::Begun { prompt_tokens }) => usage.prompt = prompt_tokens,
            Some(Event::Failed(error)) => return error.response(),
            _ => return gone().response(),
        }
        let left = self.answers;
        let mut stream = Stream { reply: self, events, usage, begun: None, left, ended: false };
        let next = move |cx: &mut Context<'_>| stream.poll(cx);
        streamed(StatusCode::OK, "text/event-stream; charset=utf-8", next)
    }
}

/// The model's thread ended without a word.
fn gone() -> ApiError {
    let words = "the model has stopped; start the server again";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, words)
}

/// A stream of events, on its way to the client.
struct Stream {
    reply: Reply,
    events: UnboundedReceiver<Event>,
    usage: Usage,
    /// The last answer that was begun.
    begun: Option<usize>,
    /// How many answers are not complete yet.
    left: usize,
    ended: bool,
}

impl Stream {
    /// The next bytes: of all events that have come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut bytes = String::new();
        while !self.ended && bytes.len() < PIECE {
            match self.events.poll_recv(cx) {
                Poll::Pending if bytes.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(event) => {
                    for line in self.lines(event) {
                        bytes.push_str("data: ");
                        bytes.push_str(&line);
                        bytes.push_str("\n\n");
                    }
                }
            }
        }
        Poll::Ready((!bytes.is_empty()).then(|| bytes.into()))
    }

    /// What an event says to the client; `None` is the end.
    fn lines(&mut self, event: Option<Event>) -> VecDeque<String> {
        let mut lines = VecDeque::new();
        match event {
            Some(Event::Begun { .. }) => {}
            Some(Event::Text { index, text }) => {
                self.begin(index, &mut lines);
                lines.push_back(self.chunk(index, Some(&text), None));
            }
            Some(Event::Ended { index, reason, completion_tokens, cached_tokens }) => {
                self.begin(index, &mut lines);
                self.left = self.left.saturating_sub(1);
                self.usage.completion += completion_tokens;
                self.usage.cached += cached_tokens;
                lines.push_back(self.chunk(index, None, Some(reason)));
            }
            Some(Event::Failed(error)) => {
                self.ended = true;
                lines.push_back(error.json().to_string());
            }
            None if self.left > 0 => {
                self.ended = true;
                lines.push_back(gone().json().to_string());
            }
            None => {
                self.ended = true;
                if self.reply.include_usage {
                    let mut chunk = self.object(json!([]));
                    chunk["usage"] = self.usage.json();
                    lines.push_back(chunk.to_string());
                }
                lines.push_back("[DONE]".to_string());
            }
        }
        lines
    }

    /// The first piece of a chat's answer says whose it is.
    fn begin(&mut self, index: usize, lines: &mut VecDeque<String>) {
        if self.begun.replace(index) != Some(index) && self.reply.chat {
            let delta = json!({"role": "assistant", "content": "", "refusal": null});
            lines.push_back(self.with_delta(index, delta, Value::Null));
        }
    }

    fn object(&self, choices: Value) -> Value {
        let kind = if self.reply.chat { "chat.completion.chunk" } else { "text_completion" };
        let mut object = self.reply.object(kind, choices);
        if self.reply.include_usage {
            object["usage"] = Value::Null;
        }
        object
    }

    fn chunk(&self, index: usize, text: Option<&str>, reason: Option<FinishReason>) -> String {
        let reason = reason.map_or(Value::Null, |reason| reason.name().into());
        if self.reply.chat {
            let delta = text.map_or(json!({}), |text| json!({ "content": text }));
            return self.with_delta(index, delta, reason);
        }
        let text = text.unwrap_or_default();
        let choice =
            json!({"index": index, "text": text, "logprobs": null, "finish_reason": reason});
        self.object(json!([choice])).to_string()
    }

    fn with_delta(&self, index: usize, delta: Value, reason: Value) -> String {
        let choice =
            json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": reason});
        self.object(json!([choice])).to_string()
    }
}

#[cfg(test)]
mod tests;
