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
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::serve::request::{Prompt, Sampling};

    fn request(prompts: usize, include_usage: bool) -> Request {
        let prompts = vec![Prompt::Text("a".into()); prompts];
        Request { prompts, sampling: Sampling::default(), stream: true, include_usage }
    }

    /// What a stream says for these events, once the sender is dropped.
    fn lines(chat: bool, include_usage: bool, prompts: usize, said: Vec<Event>) -> Vec<Value> {
        let (sender, events) = unbounded_channel();
        for event in said {
            sender.send(event).unwrap();
        }
        drop(sender);
        let reply = Reply::new("tiny", chat, &request(prompts, include_usage));
        let usage = Usage { prompt: 3, ..Usage::default() };
        let mut stream = Stream { reply, events, usage, begun: None, left: prompts, ended: false };
        let mut all = String::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(bytes)) = stream.poll(&mut cx) {
            all.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        let event = |line: &str| match line.strip_prefix("data: ").unwrap() {
            "[DONE]" => json!("[DONE]"),
            json => serde_json::from_str(json).unwrap(),
        };
        all.split_terminator("\n\n").map(event).collect()
    }

    fn text(index: usize, text: &str) -> Event {
        Event::Text { index, text: text.into() }
    }

    fn ended(index: usize) -> Event {
        let reason = FinishReason::Stop;
        Event::Ended { index, reason, completion_tokens: 2, cached_tokens: 1 }
    }

    #[test]
    fn a_chat_is_streamed_as_clients_read_it() {
        let all = lines(true, true, 1, vec![text(0, "a\n\"b"), text(0, "c"), ended(0)]);
        let choice = |at: usize| &all[at]["choices"][0];
        assert_eq!(choice(0)["delta"]["role"], "assistant");
        assert_eq!(choice(1)["delta"], json!({"content": "a\n\"b"}));
        assert_eq!(choice(2)["delta"], json!({"content": "c"}));
        assert_eq!(choice(3)["finish_reason"], "stop");
        assert_eq!(choice(3)["delta"], json!({}));
        assert!((0..3).all(|at| choice(at)["finish_reason"].is_null()));
        assert!((0..4).all(|at| all[at]["usage"].is_null()));
        assert!(all[..5].iter().all(|chunk| chunk["id"] == all[0]["id"]));
        assert!(all[..5].iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
        assert_eq!(all[4]["choices"], json!([]));
        assert_eq!(all[4]["usage"]["total_tokens"], 5);
        assert_eq!(all[4]["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
        assert_eq!(all[5], "[DONE]");
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn completions_are_streamed_one_after_another() {
        let said = vec![text(0, "a"), ended(0), text(1, "b"), ended(1)];
        let all = lines(false, false, 2, said);
        let of = |at: usize| (&all[at]["choices"][0]["index"], &all[at]["choices"][0]["text"]);
        assert_eq!(of(0), (&json!(0), &json!("a")));
        assert_eq!(of(2), (&json!(1), &json!("b")));
        assert_eq!(all[4], "[DONE]");
        assert_eq!(all[0]["object"], "text_completion");
        assert!(all[0].get("usage").is_none());
    }

    #[test]
    fn an_answer_that_breaks_off_is_not_shown_as_complete() {
        for said in [vec![text(0, "a")], vec![text(0, "a"), ended(0)]] {
            let all = lines(true, false, 2, said);
            assert_eq!(all.last().unwrap()["error"]["type"], "server_error");
        }
        let failed = Event::Failed(ApiError::busy("later"));
        let all = lines(true, false, 1, vec![text(0, "a"), failed]);
        assert_eq!(all.last().unwrap()["error"]["message"], "later");
    }
}
