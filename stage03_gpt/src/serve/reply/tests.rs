//! What clients read in a stream.

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
