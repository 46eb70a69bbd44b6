//! What is read, and what is refused by its name.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn chat(value: Value) -> Result<Request, ApiError> {
    Request::chat(value.to_string().as_bytes(), "tiny", &Sampling::default())
}

fn completion(value: Value) -> Result<Request, ApiError> {
    Request::completion(value.to_string().as_bytes(), "tiny", &Sampling::default())
}

fn hello() -> Value {
    json!([{"role": "user", "content": "Hello"}])
}

#[test]
fn a_conversation_is_read() {
    let request = chat(json!({
        "model": "tiny",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}
            ]},
            {"role": "assistant", "content": "Hi", "refusal": null, "tool_calls": []},
        ],
        "temperature": 0, "top_p": 0.5, "top_k": 20, "seed": -1, "stop": ["a", "b"],
        "max_completion_tokens": 7, "stream": true, "stream_options": {"include_usage": true},
        "repetition_penalty": 1.1, "n": 1, "user": "ada",
    }));
    let expected = Request {
        prompts: vec![Prompt::Messages(vec![
            Message::system("Be brief."),
            Message::user("Hello"),
            Message::assistant("Hi"),
        ])],
        sampling: Sampling {
            temperature: 0.0,
            top_k: Some(20),
            top_p: Some(0.5),
            repetition_penalty: 1.1,
            seed: Some(u64::MAX),
            max_tokens: Some(7),
            stop: vec!["a".into(), "b".into()],
        },
        stream: true,
        include_usage: true,
    };
    assert_eq!(request, Ok(expected));
}

#[test]
fn what_is_left_out_is_the_servers() {
    let request = chat(json!({"messages": hello()})).unwrap();
    assert_eq!(request.sampling, Sampling::default());
    assert!(!request.stream && !request.include_usage);
    let request = completion(json!({"prompt": "a"})).unwrap();
    assert_eq!(request.sampling.max_tokens, Some(16));
    let off = chat(json!({"messages": hello(), "top_k": 0, "top_p": null})).unwrap();
    assert_eq!((off.sampling.top_k, off.sampling.top_p), (None, None));
    let greedy = chat(json!({"messages": hello(), "top_p": 0})).unwrap();
    assert_eq!((greedy.sampling.temperature, greedy.sampling.top_p), (0.0, None));
}

#[test]
fn a_prompt_is_a_text_or_tokens_or_several() {
    let of = |prompt: Value| completion(json!({ "prompt": prompt })).map(|r| r.prompts);
    let text = |text: &str| Prompt::Text(text.into());
    assert_eq!(of(json!("a")), Ok(vec![text("a")]));
    assert_eq!(of(json!(["a", "b"])), Ok(vec![text("a"), text("b")]));
    assert_eq!(of(json!([1, 2])), Ok(vec![Prompt::Tokens(vec![1, 2])]));
    let several = vec![Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])];
    assert_eq!(of(json!([[1], [2, 3]])), Ok(several));
    for wrong in [
        json!([]),
        json!(1),
        json!([1, "a"]),
        json!(["a", 1]),
        json!([[]]),
        json!([[["a"]]]),
        json!([-1]),
        json!([1.5]),
        json!([4294967296u64]),
        json!(vec!["a"; 17]),
        json!({}),
    ] {
        let error = of(wrong.clone()).unwrap_err();
        assert!(error.param.unwrap().starts_with("prompt"), "{wrong}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (field, value) in [
        ("temperature", json!(-0.1)),
        ("temperature", json!(2.1)),
        ("temperature", json!("hot")),
        ("top_p", json!(1.1)),
        ("top_k", json!(-2)),
        ("seed", json!(0.5)),
        ("stop", json!("")),
        ("stop", json!(vec!["a"; 17])),
        ("stop", json!("x".repeat(1001))),
        ("max_tokens", json!(0)),
        ("max_completion_tokens", json!(-1)),
        ("stream", json!("yes")),
        ("stream_options", json!({"include_usage": true})),
        ("frequency_penalty", json!(1)),
        ("n", json!(2)),
        ("top_z", json!(1)),
        ("repetition_penalty", json!(0)),
    ] {
        let error = chat(json!({"messages": hello(), field: value})).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(field), "{}", error.message);
        assert_eq!(error.status.as_u16(), 400);
    }
    let two = json!({"messages": hello(), "max_tokens": 1, "max_completion_tokens": 2});
    assert_eq!(chat(two).unwrap_err().param.as_deref(), Some("max_tokens"));
    let error = chat(json!({"model": "gpt-4o", "messages": hello()})).unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (404, Some("model_not_found")));
    assert!(error.message.contains("\"tiny\""), "{}", error.message);
}

/// Each says what was given, and what was expected.
#[test]
fn what_is_wrong_is_said_in_plain_words() {
    let integer = "expected an integer from 1 to 9223372036854775807, not";
    for (field, value, words) in [
        ("max_tokens", json!(-1), format!("{integer} -1")),
        ("max_tokens", json!(1.5), format!("{integer} 1.5")),
        ("max_tokens", json!(1e19), format!("{integer} 1e+19")),
        ("max_completion_tokens", json!("5"), format!("{integer} \"5\"")),
        ("max_tokens", json!([]), format!("{integer} an empty list")),
        ("seed", json!(1e300), "to 9223372036854775807, not 1e+300".into()),
        (
            "messages",
            json!([]),
            "expected a list of at least one message, not an empty list".into(),
        ),
        ("messages", json!("Hi"), "expected a list of at least one message, not \"Hi\"".into()),
        ("stop", json!({}), "1000 bytes, or a list of at most 16 of these, not an object".into()),
        ("stop", json!(vec!["a"; 17]), "at most 16 of these, not a list of 17".into()),
        ("stop", json!("x".repeat(1001)), "of these, not a string of 1001 bytes".into()),
        (
            "stop",
            json!(["a", []]),
            "stop[1]: expected a string of 1 to 1000 bytes, not an empty list".into(),
        ),
        (
            "stop",
            json!([""]),
            "stop[0]: expected a string of 1 to 1000 bytes, not an empty string".into(),
        ),
        ("n", json!(2), "this server only has 1 here, not 2; ask once".into()),
    ] {
        let mut request = json!({ "messages": hello() });
        request[field] = value;
        let message = chat(request).unwrap_err().message;
        assert!(message.starts_with(field) && message.contains(&words), "{message}");
    }
    let message = completion(json!({"prompt": [7, -1]})).unwrap_err().message;
    assert_eq!(message, "prompt[1]: expected the number of a token, not -1");
    // As many as the context has place for.
    let many = chat(json!({"messages": hello(), "max_tokens": 1e18})).unwrap();
    assert_eq!(many.sampling.max_tokens, Some(1_000_000_000_000_000_000));
    assert!(chat(json!({"messages": hello(), "stop": []})).unwrap().sampling.stop.is_empty());
    let error = Request::chat(b"{\"seed\": 1e999}", "tiny", &Sampling::default()).unwrap_err();
    assert!(error.message.contains("cannot be read as JSON: number out of range"), "{error:?}");
}

#[test]
fn what_is_wrong_in_a_message_is_named() {
    let image = json!([{"type": "image_url", "image_url": {"url": "x"}}]);
    for (message, param) in [
        (json!(1), "messages[1]"),
        (json!({"content": "a"}), "messages[1].role"),
        (json!({"role": "tool", "content": "a"}), "messages[1].role"),
        (json!({"role": "user"}), "messages[1].content"),
        (json!({"role": "user", "content": 1}), "messages[1].content"),
        (json!({"role": "user", "content": image}), "messages[1].content[0].type"),
        (json!({"role": "user", "content": ["a"]}), "messages[1].content[0]"),
        (json!({"role": "user", "content": "a", "name": "Ada"}), "messages[1].name"),
        (
            json!({"role": "assistant", "content": "a", "tool_calls": [{}]}),
            "messages[1].tool_calls",
        ),
    ] {
        let messages = json!([{"role": "user", "content": "Hello"}, message]);
        let error = chat(json!({ "messages": messages })).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param), "{}", error.message);
    }
    for messages in [json!([]), json!("Hello"), json!({}), json!(null)] {
        let error = chat(json!({ "messages": messages })).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("messages"));
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let deep = "[".repeat(100_000);
    for body in [&b""[..], b"{", b"\xff", b"{\"messages\": \"\xc3\"}", b"[]", deep.as_bytes()] {
        let error = Request::chat(body, "tiny", &Sampling::default()).unwrap_err();
        assert_eq!(error.status.as_u16(), 400);
    }
}

proptest! {
    /// Whatever the bytes, the answer is a request or an error, and no panic.
    #[test]
    fn any_bytes_are_read(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::chat(&body, "tiny", &Sampling::default());
        let _ = Request::completion(&body, "tiny", &Sampling::default());
    }
}
