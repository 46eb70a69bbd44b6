//! The server, asked over raw sockets: by clients that do as they should, and by others.
//!
//! Nothing here measures time. Where an answer must not end by itself, it is longer than a patient
//! test; where the server must notice something, `/health` is asked until it has.

mod common;
#[path = "../../tests/support/http.rs"]
mod http;
#[path = "common/served.rs"]
mod served;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use http::Reply;
use serde_json::{Value, json};
use served::{CONTEXT, LONG, Server, long_model, silent_model, tiny_model, untaught_model};
use stage03_gpt::model::Model;
use stage03_gpt::serve::{Settings, serve};

fn server() -> Server {
    Server::new(tiny_model(), |settings| settings)
}

fn hello() -> Value {
    json!([{"role": "user", "content": "hello user"}])
}

/// A request that is answered at length, and the same way every time.
fn chat(more: Value) -> Value {
    let mut request = json!({"messages": hello(), "seed": 7, "max_tokens": 20, "temperature": 1});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

fn content(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["choices"][0]["message"]["content"].as_str().unwrap().to_string()
}

/// The pieces of JSON of a stream, which ends as it should.
fn events(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let text = std::str::from_utf8(&reply.body).unwrap();
    let text = text.strip_suffix("data: [DONE]\n\n").unwrap_or_else(|| panic!("no end: {text}"));
    let event = |event: &str| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
    text.split_terminator("\n\n").map(event).collect()
}

fn refused(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let error = reply.json()["error"].clone();
    assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
    assert!(error["type"].is_string() && error.get("param").is_some(), "{error}");
    assert!(error.get("code").is_some(), "{error}");
    error
}

#[test]
fn a_conversation_is_answered() {
    let server = server();
    let reply = server.post("/v1/chat/completions", &chat(json!({"model": "tiny"})));
    let answer = reply.json();
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "tiny");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["created"].as_u64().unwrap() > 1_700_000_000);
    let choice = &answer["choices"][0];
    assert_eq!(choice["index"], 0);
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["finish_reason"], "length");
    assert!(!content(&reply).is_empty());
    let usage = &answer["usage"];
    let [prompt, completion, total] =
        ["prompt_tokens", "completion_tokens", "total_tokens"].map(|n| usage[n].as_u64().unwrap());
    assert_eq!((completion, total), (20, prompt + 20));
    assert!(prompt > 10, "{prompt}");
}

#[test]
fn a_seed_gives_the_same_answer_whole_or_streamed() {
    let server = server();
    let ask = |more: Value| server.post("/v1/chat/completions", &chat(more));
    let whole = content(&ask(json!({})));
    assert_eq!(content(&ask(json!({}))), whole);
    assert_ne!(content(&ask(json!({"seed": 8}))), whole);
    let pieces = |reply: &Reply| -> String {
        let text =
            |event: Value| event["choices"][0]["delta"]["content"].as_str().map(String::from);
        events(reply).into_iter().filter_map(text).collect()
    };
    assert_eq!(pieces(&ask(json!({"stream": true}))), whole);
    // Without a seed each answer is another one.
    let answers: Vec<_> = (0..3).map(|_| content(&ask(json!({"seed": null})))).collect();
    assert!(answers.iter().any(|answer| *answer != answers[0]));
    // Greedy is the same whatever the seed.
    let greedy = content(&ask(json!({"temperature": 0})));
    assert_eq!(content(&ask(json!({"temperature": 0, "seed": 3}))), greedy);
    assert_eq!(content(&ask(json!({"top_k": 1, "seed": 4}))), greedy);
    // A penalty changes what a repetitive model writes.
    let penalty = json!({"temperature": 0, "repetition_penalty": 3.0, "max_tokens": 60});
    let without = json!({"temperature": 0, "max_tokens": 60});
    assert_ne!(content(&ask(penalty)), content(&ask(without)));
}

#[test]
fn a_stream_is_framed_as_clients_read_it() {
    let server = server();
    let request = chat(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let reply = server.post("/v1/chat/completions", &request);
    let all = events(&reply);
    assert_eq!(all[0]["choices"][0]["delta"]["role"], "assistant");
    assert!(all.iter().all(|event| event["id"] == all[0]["id"]));
    assert!(all.iter().all(|event| event["object"] == "chat.completion.chunk"));
    let [.., end, usage] = &all[..] else { panic!("{all:?}") };
    assert_eq!(end["choices"][0]["finish_reason"], "length");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], 20);
    let others = &all[..all.len() - 1];
    assert!(others.iter().all(|event| event["usage"].is_null()));
    // Without the option nothing speaks of usage.
    let plain = events(&server.post("/v1/chat/completions", &chat(json!({"stream": true}))));
    assert!(plain.iter().all(|event| event.get("usage").is_none()));
}

#[test]
fn an_answer_ends_where_the_model_ends_its_turn() {
    let server = server();
    let stops = (0..200).any(|seed| {
        let reply = server
            .post("/v1/chat/completions", &chat(json!({"seed": seed, "max_tokens": 100})))
            .json();
        let choice = &reply["choices"][0];
        let text = choice["message"]["content"].as_str().unwrap();
        assert!(!text.contains("<|im_"), "{text}");
        choice["finish_reason"] == "stop"
            && reply["usage"]["completion_tokens"].as_u64().unwrap() < 100
    });
    assert!(stops);
}

#[test]
fn texts_are_continued() {
    let server = server();
    let ask = |prompt: Value, more: Value| {
        let mut request = json!({"prompt": prompt, "seed": 1});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        server.post("/v1/completions", &request)
    };
    let one = ask(json!("the user"), json!({})).json();
    assert_eq!(one["object"], "text_completion");
    assert_eq!(one["usage"]["completion_tokens"], 16);
    assert_eq!(one["choices"][0]["finish_reason"], "length");
    let text = one["choices"][0]["text"].as_str().unwrap();
    assert!(!text.is_empty());
    let two = ask(json!(["the user", "asks"]), json!({})).json();
    assert_eq!(two["choices"][0]["text"], text);
    assert_eq!(two["choices"][1]["index"], 1);
    assert_eq!(two["usage"]["completion_tokens"], 32);
    let tokens = server.tokens("the user");
    assert_eq!(ask(json!(tokens), json!({})).json()["choices"][0]["text"], text);
    let stream = events(&ask(json!(["the user", "asks"]), json!({"stream": true})));
    let of = |index: u64| -> String {
        let choices = stream.iter().map(|event| &event["choices"][0]);
        let own = choices.filter(|choice| choice["index"] == index);
        own.map(|choice| choice["text"].as_str().unwrap()).collect()
    };
    assert_eq!(of(0), text);
    assert_eq!(Some(of(1).as_str()), two["choices"][1]["text"].as_str());
    let error = refused(&ask(json!([CONTEXT * 1000]), json!({})), 400);
    assert_eq!(error["param"], "prompt");
    assert_eq!(ask(json!(""), json!({})).status, 200);
}

#[test]
fn stop_sequences_end_an_answer_and_are_not_part_of_it() {
    let server = server();
    let ask = |stop: Value, stream: bool| {
        let more = json!({"stop": stop, "stream": stream, "max_tokens": 80});
        server.post("/v1/chat/completions", &chat(more))
    };
    let whole = content(&ask(json!(null), false));
    let characters: Vec<char> = whole.chars().collect();
    assert!(characters.len() > 30, "{whole}");
    // Every place of the answer: some stop sequences are inside a token, others over several.
    for at in 5..characters.len() - 6 {
        let stop: String = characters[at..at + 6].iter().collect();
        let expected = whole.split(&stop).next().unwrap();
        let reply = ask(json!([stop, "not there"]), false);
        assert_eq!(content(&reply), expected);
        assert_eq!(reply.json()["choices"][0]["finish_reason"], "stop");
        if at % 10 == 0 {
            let stream = events(&ask(json!(stop), true));
            let text = |event: &Value| {
                event["choices"][0]["delta"]["content"].as_str().unwrap_or("").to_string()
            };
            assert_eq!(stream.iter().map(text).collect::<String>(), expected);
            assert_eq!(stream.last().unwrap()["choices"][0]["finish_reason"], "stop");
        }
    }
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_with_the_numbers() {
    let server = server();
    let long = json!([{"role": "user", "content": "x".repeat(CONTEXT)}]);
    for stream in [false, true] {
        let request = json!({"messages": long, "stream": stream});
        let error = refused(&server.post("/v1/chat/completions", &request), 400);
        assert_eq!(error["code"], "context_length_exceeded");
        assert_eq!(error["param"], "messages");
        assert!(error["message"].as_str().unwrap().contains(&CONTEXT.to_string()), "{error}");
    }
    // A limit beyond the context ends at the context.
    let request = json!({"prompt": "the", "max_tokens": 1_000_000});
    let answer = server.post("/v1/completions", &request).json();
    assert_eq!(answer["usage"]["total_tokens"].as_u64(), Some(CONTEXT as u64));
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[test]
fn the_next_turn_reads_only_what_is_new() {
    let server = server();
    let first = server.post("/v1/chat/completions", &chat(json!({}))).json();
    let said = first["choices"][0]["message"].clone();
    let mut messages = hello();
    messages.as_array_mut().unwrap().extend([said, json!({"role": "user", "content": "go on"})]);
    let more = json!({"messages": messages, "temperature": 0, "seed": null});
    let second = server.post("/v1/chat/completions", &chat(more.clone())).json();
    let cached = second["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert!(cached >= first["usage"]["prompt_tokens"].as_u64().unwrap(), "{cached}");
    assert!(cached < second["usage"]["prompt_tokens"].as_u64().unwrap());
    // And the answer is that of a server that has read nothing yet.
    let fresh = Server::new(tiny_model(), |settings| settings);
    let fresh = fresh.post("/v1/chat/completions", &chat(more)).json();
    assert_eq!(fresh["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(fresh["choices"], second["choices"]);
}

#[test]
fn what_is_wrong_is_refused_in_openais_form() {
    let server = server();
    let path = "/v1/chat/completions";
    for (field, value) in [
        ("temperature", json!(3)),
        ("n", json!(2)),
        ("frequency_penalty", json!(1)),
        ("tools", json!([{"type": "function"}])),
        ("top_z", json!(1)),
        ("stop", json!("")),
    ] {
        let error = refused(&server.post(path, &chat(json!({ field: value }))), 400);
        assert_eq!(error["param"], field);
        assert_eq!(error["type"], "invalid_request_error");
    }
    let error = refused(&server.post(path, &chat(json!({"model": "gpt-4o"}))), 404);
    assert_eq!(error["code"], "model_not_found");

    let deep = format!("{{\"messages\": {}", "[".repeat(200_000));
    let objects = format!("{{\"messages\": {}", "{\"a\":".repeat(100_000));
    for body in [
        &b""[..],
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{\"messages\": \"\xc3\"}",
        b"{\"messages\": [{\"role\": \"user\", \"content\": \"\\ud800\"}]}",
        b"{}",
        b"{\"messages\": 1e999}",
        deep.as_bytes(),
        objects.as_bytes(),
    ] {
        refused(&server.post_bytes(path, "application/json", body), 400);
    }
    let body = chat(json!({})).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        refused(&server.post_bytes(path, kind, body.as_bytes()), 415);
    }
    let with = "application/json; charset=utf-8";
    assert_eq!(server.post_bytes(path, with, body.as_bytes()).status, 200);

    refused(&server.get("/v1/embeddings"), 404);
    refused(&server.get("/nothing%2f..%2f"), 404);
    refused(&server.get("/v1/models/other"), 404);
    let reply = server.get(path);
    refused(&reply, 405);
    assert_eq!(reply.header("allow"), Some("post"));
    refused(&server.post("/v1/models", &json!({})), 405);
    refused(&server.ask("DELETE", "/v1/models", "", b""), 405);
    server.lives();
}

/// hyper answers these by itself, with an empty body.
#[test]
fn what_is_not_even_parsed_is_refused_in_openais_form() {
    let server = server();
    let host = format!("Host: 127.0.0.1:{}\r\n", server.port);
    let get = format!("GET /v1/models HTTP/1.1\r\n{host}");
    let long = format!("{get}X-Long: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("{get}{}\r\n", "X: y\r\n".repeat(70));
    for (bytes, status, words) in [
        ("GET /\r\n\r\n".to_string(), 400, "no request of HTTP/1.1"),
        ("\0\r\n\r\n".to_string(), 400, "no request of HTTP/1.1"),
        (format!("GET / HTTP/9.9\r\n{host}\r\n"), 400, "no request of HTTP/1.1"),
        (format!("{get}Content-Length: -1\r\n\r\n"), 400, "a header cannot be read"),
        (format!("{get}Transfer-Encoding: gzip\r\n\r\n"), 400, "a header cannot be read"),
        (long, 431, "16384 bytes together"),
        (many, 431, "64 headers"),
    ] {
        // Alone, and on a connection that has been answered before.
        let mut used = server.connect();
        write!(used, "{get}\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}]}") {
            let mut byte = [0];
            used.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let _ = used.write_all(bytes.as_bytes());
        for answer in [server.send(bytes.as_bytes()), http::rest(used)] {
            let reply = Reply::parse(&answer);
            let error = refused(&reply, status);
            assert_eq!(error["type"], "invalid_request_error");
            assert!(error["message"].as_str().unwrap().contains(words), "{error}");
            let length = reply.body.len().to_string();
            assert_eq!(reply.header("content-length"), Some(&*length));
            assert_eq!(reply.head.matches("content-length").count(), 1, "{}", reply.head);
            assert_eq!(reply.header("connection"), Some("close"));
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        }
    }
    for line in ["FOO /v1/models", "TRACE /", "CONNECT 127.0.0.1:1"] {
        let (method, path) = line.split_once(' ').unwrap();
        let reply = server.send_head(method, path, "");
        assert!([403, 405].contains(&reply.status), "{reply:?}");
        refused(&reply, reply.status);
    }
    server.lives();
}

#[test]
fn a_context_too_short_for_any_answer_is_refused() {
    // What the template writes around a character; with none, the character and a line break.
    let around = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n";
    let around = tiny_model().tokenizer.encode_with_special(around).unwrap().len();
    let models: [(fn() -> Model, usize); 2] = [(tiny_model, around + 1), (untaught_model, 2 + 1)];
    for (model, least) in models {
        let with_context = |context| {
            let mut model = model();
            model.gpt.shorten_context(context).unwrap();
            model
        };
        for short in [1, 2, least - 1] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let refused = serve(&with_context(short), listener, &Settings::new("tiny"), || true);
            let error = refused.unwrap_err().to_string();
            assert!(error.starts_with(&format!("--context = {short}: the shortest")), "{error}");
            assert!(error.contains(&format!("choose at least {least}, or")), "{error}");
        }
        let server = Server::new(with_context(least), |settings| settings);
        let request = json!({"messages": [{"role": "user", "content": "a"}]});
        let usage = server.post("/v1/chat/completions", &request).json()["usage"].clone();
        assert_eq!(usage["total_tokens"], least, "{usage}");
    }
}

#[test]
fn bodies_that_are_too_large_are_refused() {
    let server = server();
    let path = "/v1/chat/completions";
    let header = "Content-Type: application/json\r\n";
    let announced = format!("{header}Content-Length: 99999999999\r\n");
    refused(&server.send_head("POST", path, &announced), 413);
    let large = vec![b' '; 1_100_000];
    refused(&server.post_bytes(path, "application/json", &large), 413);
    // Without an announced length it is cut while it is read.
    let mut socket = server.connect();
    let head = server.head("POST", path, &format!("{header}Transfer-Encoding: chunked\r\n"));
    socket.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let sent = (0..1000).take_while(|_| socket.write_all(&chunk).is_ok()).count();
    assert!(sent < 1000, "the server has read {sent} pieces of 64 kB");
    server.lives();
}

#[test]
fn other_names_and_origins_are_refused() {
    let server = server();
    let port = server.port;
    let body = chat(json!({})).to_string();
    let ask = |headers: &str| {
        let length = body.len();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\n{headers}Content-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        Reply::parse(&server.send(request.as_bytes()))
    };
    let own = format!("Host: 127.0.0.1:{port}\r\n");
    let reply = ask(&own);
    assert_eq!(reply.status, 200);
    assert!(!reply.head.contains("access-control-allow-origin"), "{}", reply.head);
    assert_eq!(ask(&format!("{own}Origin: http://127.0.0.1:{port}\r\n")).status, 200);
    for host in ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "0.0.0.0"] {
        refused(&ask(&format!("Host: {host}\r\n")), 403);
    }
    for origin in ["http://evil.example", "null", "https://localhost", "http://127.0.0.1:1"] {
        refused(&ask(&format!("{own}Origin: {origin}\r\n")), 403);
    }
    // What a browser asks before it lets another site post JSON.
    let preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    let reply = server.ask("OPTIONS", "/v1/chat/completions", preflight, b"");
    refused(&reply, 403);
    assert!(!reply.head.contains("access-control"), "{}", reply.head);
}

#[test]
fn a_server_with_a_key_answers_those_who_have_it() {
    let key = Some("s3cret".to_string());
    let server = Server::new(tiny_model(), |settings| Settings { key: key.clone(), ..settings });
    let ask = |headers: &str| server.ask("GET", "/v1/models", headers, b"");
    for wrong in [
        "",
        "Authorization: Bearer s3cre\r\n",
        "Authorization: Basic s3cret\r\n",
        "Authorization: Bearer s3cret2\r\n",
        "Authorization: s3cret\r\n",
        "X-Api-Key: s3cret\r\n",
    ] {
        let reply = ask(wrong);
        let error = refused(&reply, 401);
        assert_eq!(error["code"], "invalid_api_key");
        assert_eq!(reply.header("www-authenticate"), Some("bearer"));
    }
    refused(&server.post("/v1/chat/completions", &chat(json!({}))), 401);
    assert_eq!(ask("Authorization: Bearer s3cret\r\n").status, 200);
    // The page asks for the key, and whether the server lives is no secret.
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn models_health_and_page() {
    let server = server();
    let list = server.get("/v1/models").json();
    assert_eq!(list["object"], "list");
    let model = &list["data"][0];
    assert_eq!((&model["id"], &model["object"]), (&json!("tiny"), &json!("model")));
    assert_eq!(model["context_length"], CONTEXT);
    assert_eq!(model["chat_template"], true);
    assert_eq!(&server.get("/v1/models/tiny").json(), model);
    assert_eq!(server.get("/health").json()["status"], "ok");
    let page = server.get("/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap().to_string();
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains(&format!("<script nonce=\"{nonce}\">")), "{policy}");
    assert_eq!(server.ask("HEAD", "/", "", b"").status, 200);
    assert!(server.ask("HEAD", "/", "", b"").body.is_empty());
}

#[test]
fn a_model_that_was_never_taught_to_chat_answers_with_a_line() {
    let server = Server::new(untaught_model(), |settings| settings);
    assert_eq!(server.get("/v1/models").json()["data"][0]["chat_template"], false);
    let mut lengths = Vec::new();
    for seed in 0..20 {
        let request = chat(json!({"seed": seed, "max_tokens": 100}));
        let reply = server.post("/v1/chat/completions", &request);
        let text = content(&reply);
        assert!(!text.contains('\n') && !text.starts_with(' '), "{text:?}");
        lengths.push(text.len());
        let stopped = reply.json()["choices"][0]["finish_reason"] == "stop";
        assert!(stopped || reply.json()["usage"]["completion_tokens"] == 100);
    }
    assert!(lengths.iter().any(|&length| length > 0));
    // What its tokenizer does not know is the client's error.
    let unknown = json!({"messages": [{"role": "user", "content": "日"}]});
    assert_eq!(refused(&server.post("/v1/chat/completions", &unknown), 400)["param"], "messages");
}

/// A request for an answer that does not end by itself while a test runs.
fn endless(stream: bool) -> Value {
    json!({"prompt": "the", "max_tokens": LONG, "stream": stream, "temperature": 1})
}

#[test]
fn a_client_that_hangs_up_stops_the_model() {
    let server = Server::new(long_model(), |settings| settings);
    for (at, stream) in [true, false].into_iter().enumerate() {
        let mut socket = server.start("/v1/completions", &endless(stream));
        server.wait(|health| health["running"] == true);
        if stream {
            socket.read_exact(&mut [0; 400]).unwrap(); // the answer has begun
        }
        // Another one waits behind it, and leaves first.
        let waits = server.start("/v1/completions", &endless(false));
        server.wait(|health| health["queued"] == 1);
        drop(waits);
        server.wait(|health| health["queued"] == 0);
        drop(socket);
        server.wait(|health| health["running"] == false);
        let health = server.get("/health").json();
        assert_eq!((&health["answered"], &health["abandoned"]), (&json!(at), &json!(2 * at + 2)));
        server.lives();
    }
}

/// Its model writes special tokens alone, so nothing is sent that could fail.
#[test]
fn a_client_that_hangs_up_stops_a_model_that_writes_no_text() {
    let server = Server::new(silent_model(), |settings| settings);
    for (at, stream) in [true, false].into_iter().enumerate() {
        let request = json!({"prompt": "the", "max_tokens": LONG, "stream": stream});
        let socket = server.start("/v1/completions", &request);
        server.wait(|health| health["running"] == true);
        drop(socket);
        server.wait(|health| health["running"] == false);
        assert_eq!(server.get("/health").json()["abandoned"], json!(at + 1));
    }
}

#[test]
fn a_full_queue_says_when_to_come_again() {
    let server = Server::new(long_model(), |settings| Settings { queue: 2, ..settings });
    let _running = server.start("/v1/completions", &endless(true));
    server.wait(|health| health["running"] == true);
    let first = server.start("/v1/completions", &endless(false));
    let _second = server.start("/v1/completions", &endless(false));
    server.wait(|health| health["queued"] == 2);
    let reply = server.post("/v1/completions", &endless(false));
    refused(&reply, 503);
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!(server.get("/v1/models").status, 200);
    // The place of one that leaves is free again.
    drop(first);
    server.wait(|health| health["queued"] == 1);
    let _third = server.start("/v1/completions", &endless(false));
    server.wait(|health| health["queued"] == 2);
}

#[test]
fn clients_at_once_get_what_each_would_get_alone() {
    let server = server();
    let ask = |seed: u64| {
        let stream = seed < 10;
        let request = chat(json!({"seed": seed, "stream": stream, "max_tokens": 40}));
        let reply = server.post("/v1/chat/completions", &request);
        if !stream {
            return content(&reply);
        }
        let text = |event: &Value| {
            event["choices"][0]["delta"]["content"].as_str().unwrap_or("").to_string()
        };
        events(&reply).iter().map(text).collect()
    };
    let alone: Vec<String> = (0..20).map(ask).collect();
    let together: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20).map(|seed| scope.spawn(move || ask(seed))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
    assert_eq!(server.get("/health").json()["answered"], 40);
}

#[test]
fn a_crowd_is_answered_or_told_to_come_again() {
    let server = server();
    let request = json!({"prompt": "the", "max_tokens": 50});
    let crowd: Vec<_> = (0..300).map(|_| server.start("/v1/completions", &request)).collect();
    let mut answered = 0;
    for socket in crowd {
        let reply = Reply::parse(&http::rest(socket));
        assert!([200, 503].contains(&reply.status), "{reply:?}");
        answered += usize::from(reply.status == 200);
    }
    assert!(answered > 32, "{answered}");
    server.lives();
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let server = server();
    // One sends its body slowly, one reads nothing of its answer, one has sent half a request.
    let head = "Content-Type: application/json\r\nContent-Length: 1000\r\n";
    let mut slow = server.connect();
    slow.write_all(server.head("POST", "/v1/completions", head).as_bytes()).unwrap();
    slow.write_all(b"{").unwrap();
    let _deaf = server.start("/v1/completions", &json!({"prompt": "the", "stream": true}));
    let mut half = server.connect();
    half.write_all(b"POST /v1/comp").unwrap();
    server.wait(|health| health["answered"] == 1);
    server.lives();
    slow.write_all(b" ").unwrap();
    server.lives();
}

#[test]
fn a_body_that_breaks_off_is_no_request() {
    let server = server();
    let head = "Content-Type: application/json\r\nContent-Length: 1000\r\n";
    let mut socket = server.connect();
    let text = server.head("POST", "/v1/completions", head) + "{\"prompt\": \"the\"}";
    socket.write_all(text.as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    let _ = socket.read_to_end(&mut all);
    assert!(all.is_empty() || all.starts_with(b"HTTP/1.1 4"), "{}", all.escape_ascii());
    let health = server.get("/health").json();
    assert_eq!((&health["answered"], &health["running"]), (&json!(0), &json!(false)));
}

#[test]
fn the_time_of_a_request_is_limited() {
    let short = Duration::from_millis(300);
    let server = Server::new(long_model(), |settings| Settings { time: short, ..settings });
    let running = server.start("/v1/completions", &endless(true));
    server.wait(|health| health["running"] == true);
    // Its turn comes when its own time is over.
    let mut waits = Vec::new();
    for _ in 0..2 {
        waits.push(server.start("/v1/completions", &endless(false)));
    }
    let reply = Reply::parse(&http::rest(running));
    let all = events(&reply);
    assert_eq!(all.last().unwrap()["choices"][0]["finish_reason"], "length");
    let replies: Vec<Reply> = waits.into_iter().map(|s| Reply::parse(&http::rest(s))).collect();
    for reply in &replies {
        assert!([200, 503].contains(&reply.status), "{reply:?}");
    }
    assert!(replies.iter().any(
        |reply| reply.status == 503 || reply.json()["choices"][0]["finish_reason"] == "length"
    ));
}

#[test]
fn a_server_that_stops_ends_what_is_running() {
    let grace = Duration::from_millis(200);
    let server = Server::new(long_model(), |settings| Settings { grace, ..settings });
    let mut running = server.start("/v1/completions", &endless(true));
    running.read_exact(&mut [0; 1]).unwrap();
    let waiting = server.start("/v1/completions", &endless(false));
    let idle = server.connect();
    server.wait(|health| health["queued"] == 1);
    server.tell_to_stop();
    let rest = http::rest(running);
    let reply = Reply::parse(&[b"H", &rest[..]].concat());
    let all = events(&reply);
    assert_eq!(all.last().unwrap()["choices"][0]["finish_reason"], "length");
    let error = refused(&Reply::parse(&http::rest(waiting)), 503);
    assert!(error["message"].as_str().unwrap().contains("stopping"), "{error}");
    assert!(http::rest(idle).is_empty());
    server.join();
}

mod program {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::common::Place;
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let place = Place::with_model();
        let run = |arguments: &str| place.run(&format!("serve --model model {arguments}"));
        run("--host 0.0.0.0").refuses(&["--host = 0.0.0.0", "STAGE03_API_KEY", "--api-key"]);
        run("--allow-host box").refuses(&["--allow-host = box", "--host"]);
        run("--temperature -1").refuses(&["--temperature"]);
        run("--max-tokens 0").refuses(&["--max-tokens"]);
        let short = run("--context 1 --port 0");
        assert_eq!(short.out, "", "nothing is introduced that does not run");
        short.refuses(&["--context = 1: the shortest message", "choose at least 3"]);
        place.run("serve --model nothing --port 0").refuses(&["nothing"]);
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        run(&format!("--port {port}")).refuses(&["--port", "0 for any"]);
        let spaces =
            place.command("serve --model model").args(["--api-key", "a b"]).output().unwrap();
        super::common::Finished::new("serve", spaces).refuses(&["--api-key"]);
    }

    /// The program from its first line to Ctrl-C.
    #[cfg(unix)]
    #[test]
    fn it_says_where_it_is_and_ends_when_asked() {
        let place = Place::with_model();
        let mut command = place.command("serve --model model --port 0 --host 127.0.0.1");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut shown = Vec::new();
        while shown.last().is_none_or(|line: &String| line != "Ctrl-C ends it.") {
            shown.push(lines.next().expect("a whole introduction").unwrap());
        }
        let all = shown.join("\n");
        for words in
            ["never taught to chat", "curl http://127.0.0.1:", "from openai import", "open http://"]
        {
            assert!(all.contains(words), "{words}: {all}");
        }
        assert!(shown.iter().all(|line| line.chars().count() <= 60), "{all}");
        let url = shown.iter().find_map(|line| line.strip_prefix("address")).unwrap().trim();
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        let client = http::Client { port };
        assert_eq!(client.get("/v1/models").json()["data"][0]["id"], "model");
        let request = json!({"prompt": "The", "max_tokens": 5});
        assert_eq!(client.post("/v1/completions", &request).status, 200);
        let pid = child.id().to_string();
        let killed = std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(killed.success());
        assert!(child.wait().unwrap().success());
    }
}
