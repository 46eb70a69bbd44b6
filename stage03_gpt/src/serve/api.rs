//! Paths and methods, the key, the body: what comes before a job, and the responses that need none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loopback_server::header::{AUTHORIZATION, CONTENT_TYPE};
use loopback_server::message::{Request as HttpRequest, Response, Unread, read_body};
use loopback_server::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::error::{ApiError, json_response};
use super::job::{Desk, Job};
use super::page;
use super::queue::Refused;
use super::reply::{Reply, now};
use super::request::{Request, Sampling};
use super::token;

/// How long a request body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(20);

/// What every connection needs.
#[derive(Debug)]
pub struct Api {
    /// The jobs.
    pub desk: Arc<Desk>,
    /// The name of the model.
    pub name: String,
    /// What a request gets that says nothing.
    pub defaults: Sampling,
    /// The key that each request must have, if there is one.
    pub key: Option<String>,
    /// How long a request may take, from its arrival to the end of its answer.
    pub time: Duration,
    /// How many tokens the model's context has.
    pub context: usize,
    /// Whether the model was taught to chat: whether it has a template.
    pub chats: bool,
    /// When the server was started, in seconds since 1970.
    pub started: u64,
}

impl Api {
    /// An interface to a model, from now on.
    pub fn new(desk: Arc<Desk>, name: &str, context: usize, chats: bool) -> Api {
        Api {
            desk,
            name: name.to_string(),
            defaults: Sampling::default(),
            key: None,
            time: Duration::from_secs(600),
            context,
            chats,
            started: now(),
        }
    }

    /// The response to a request that passed the guard.
    pub async fn respond(&self, request: HttpRequest) -> Response {
        let path = request.uri().path().to_string();
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(&path);
        // Clients append the rest to the address that they were given, with or without /v1.
        let inner = path.strip_prefix("/v1").unwrap_or(path);
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        let writes = request.method() == Method::POST;
        match inner {
            "/" | "" | "/health" | "/models" if !reads => ApiError::method("GET, HEAD"),
            "/chat/completions" | "/completions" if !writes => ApiError::method("POST"),
            "/" | "" => page::response(),
            "/health" => json_response(StatusCode::OK, &self.desk.health()),
            _ if !self.has_key(&request) => no_key().response(),
            "/models" => {
                let list = json!({"object": "list", "data": [self.model()]});
                json_response(StatusCode::OK, &list)
            }
            "/chat/completions" => self.answer(request, true).await,
            "/completions" => self.answer(request, false).await,
            _ => match inner.strip_prefix("/models/") {
                Some(name) if name == self.name && reads => {
                    json_response(StatusCode::OK, &self.model())
                }
                _ => not_found(path).response(),
            },
        }
    }

    /// The model, as `/v1/models` describes it.
    fn model(&self) -> Value {
        json!({
            "id": self.name,
            "object": "model",
            "created": self.started,
            "owned_by": "stage03_gpt",
            // For the page: fields that other clients do not look at.
            "context_length": self.context,
            "chat_template": self.chats,
            "temperature": self.defaults.temperature,
        })
    }

    fn has_key(&self, request: &HttpRequest) -> bool {
        let Some(key) = &self.key else { return true };
        let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.split_once(' '));
        given.is_some_and(|(kind, given)| {
            kind.eq_ignore_ascii_case("bearer") && token::equal(given.trim(), key)
        })
    }

    /// Puts a request into the queue, and answers it.
    async fn answer(&self, request: HttpRequest, chat: bool) -> Response {
        let deadline = Instant::now() + self.time;
        let request = match self.read(request, chat).await {
            Ok(request) => request,
            Err(error) => return error.response(),
        };
        let (sender, events) = unbounded_channel();
        let reply = Reply::new(&self.name, chat, &request);
        let Request { prompts, sampling, stream, .. } = request;
        match self.desk.queue.push(Job { prompts, sampling, deadline, events: sender }) {
            Err(Refused::Full(_)) => {
                let words = "as many requests as may are waiting; try again in some seconds";
                ApiError::busy(words).response()
            }
            Err(Refused::Closed(_)) => ApiError::busy(super::STOPPING).response(),
            Ok(()) if stream => reply.stream(events).await,
            Ok(()) => reply.whole(events).await,
        }
    }

    /// Reads the body of a request.
    async fn read(&self, request: HttpRequest, chat: bool) -> Result<Request, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
            let words = "the body is expected as JSON: send the header Content-Type: \
                         application/json";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
        }
        let body = read_body(request, BODY_TIME).await.map_err(|unread| match unread {
            Unread::TooLarge => {
                let words = format!("a request body may have {} bytes", super::BODY);
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, words)
            }
            Unread::TooSlow => {
                let words = "the request body did not come in time; send it again";
                ApiError::new(StatusCode::REQUEST_TIMEOUT, words)
            }
            Unread::Broken => ApiError::new(StatusCode::BAD_REQUEST, "the body is incomplete"),
        })?;
        match chat {
            true => Request::chat(&body, &self.name, &self.defaults),
            false => Request::completion(&body, &self.name, &self.defaults),
        }
    }
}

fn no_key() -> ApiError {
    let words = "this server wants its key: send the header Authorization: Bearer KEY (in the \
                 openai package: api_key)";
    ApiError::new(StatusCode::UNAUTHORIZED, words).code("invalid_api_key")
}

fn not_found(path: &str) -> ApiError {
    let words = format!(
        "there is no {path} here; there are /v1/chat/completions, /v1/completions, /v1/models, \
         /health, and a page at /"
    );
    ApiError::new(StatusCode::NOT_FOUND, words)
}
