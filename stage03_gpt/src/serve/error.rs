//! Errors in the form that clients of OpenAI's interface read.
//!
//! ```json
//! {"error": {"message": "…", "type": "invalid_request_error", "param": "temperature", "code": null}}
//! ```

use std::borrow::Cow;

use loopback_server::StatusCode;
use loopback_server::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use loopback_server::message::{Response, whole};
use serde_json::{Value, json};
use stage01_bigram::text::{printable, shorten};

/// Why a request gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The status of the response.
    pub status: StatusCode,
    /// What was given, what was expected, and what to do.
    pub message: String,
    /// The parameter that is wrong, such as `messages[1].content`.
    pub param: Option<String>,
    /// A word for programs, such as `context_length_exceeded`.
    pub code: Option<&'static str>,
}

/// The longest message, in characters.
const LONGEST: usize = 800;

impl ApiError {
    /// An error without a parameter and a code. What a client sent may stand in the message.
    pub fn new(status: StatusCode, message: impl AsRef<str>) -> ApiError {
        let message = shorten(&printable(message.as_ref()), LONGEST).into_owned();
        ApiError { status, message, param: None, code: None }
    }

    /// A parameter that cannot be used: the message follows its name.
    pub fn param(param: impl Into<String>, message: impl AsRef<str>) -> ApiError {
        let param = shorten(&printable(&param.into()), 100).into_owned();
        let message = format!("{param}: {}", message.as_ref());
        ApiError { param: Some(param), ..ApiError::new(StatusCode::BAD_REQUEST, message) }
    }

    /// A parameter that this server does not know, or knows only with one value.
    pub fn unsupported(param: impl Into<String>, message: impl AsRef<str>) -> ApiError {
        ApiError { code: Some("unsupported_parameter"), ..ApiError::param(param, message) }
    }

    /// Adds a word for programs.
    pub fn code(self, code: &'static str) -> ApiError {
        ApiError { code: Some(code), ..self }
    }

    /// The queue is full, or the server is stopping, or the answer's time is over.
    pub fn busy(message: impl AsRef<str>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).code("server_busy")
    }

    /// A prompt that the context has no place for.
    pub fn too_long(param: &str, tokens: usize, context: usize) -> ApiError {
        let message = format!(
            "the prompt has {tokens} tokens, and the context of this model is {context}, of which \
             the answer needs at least one; shorten the prompt"
        );
        ApiError::param(param, message).code("context_length_exceeded")
    }

    /// The kind of error, as OpenAI names it.
    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// The object that clients read.
    pub fn json(&self) -> Value {
        let ApiError { message, param, code, .. } = self;
        json!({"error": {"message": message, "type": self.kind(), "param": param, "code": code}})
    }

    /// The whole response.
    pub fn response(&self) -> Response {
        let mut response = json_response(self.status, &self.json());
        let headers = response.headers_mut();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }

    /// The response to a path that knows other methods.
    pub fn method(allowed: &'static str) -> Response {
        let message = format!("this path answers {allowed}");
        let mut response = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        response
    }
}

impl From<stage01_bigram::Error> for ApiError {
    /// An error of the library that a request caused: the client can correct it.
    fn from(error: stage01_bigram::Error) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

/// A response of JSON.
pub fn json_response(status: StatusCode, value: &Value) -> Response {
    whole(status, "application/json", value.to_string())
}

/// The response to a request that fails a check of the guard.
pub fn refusal(status: StatusCode, words: String) -> Response {
    ApiError::new(status, words.trim_end()).response()
}

/// The longest value that is shown as it is, in characters.
const SHOWN: usize = 60;

/// What a client sent, escaped, to stand in a message: a long or nested value by its size.
pub fn shown(value: &Value) -> String {
    let text: Cow<str> = match value {
        // Not the whole of it: it may be as large as a body.
        Value::Array(list) if list.is_empty() => "an empty list".into(),
        Value::Array(list) => format!("a list of {}", list.len()).into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) if text.is_empty() => "an empty string".into(),
        Value::String(text) if text.len() > SHOWN => {
            format!("a string of {} bytes", text.len()).into()
        }
        value => value.to_string().into(),
    };
    shorten(&printable(&text), SHOWN).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_fields_that_clients_read() {
        let error = ApiError::too_long("messages", 300, 256);
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        let json = error.json();
        assert_eq!(json["error"]["type"], "invalid_request_error");
        assert_eq!(json["error"]["param"], "messages");
        assert_eq!(json["error"]["code"], "context_length_exceeded");
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.contains("300") && message.contains("256"), "{message}");
    }

    #[test]
    fn what_a_client_sent_is_escaped_and_cut() {
        let error = ApiError::unsupported("\u{1b}[31m".repeat(1000), "x".repeat(100_000));
        assert!(error.message.chars().count() < 1000 && !error.message.contains('\u{1b}'));
        assert!(error.param.unwrap().chars().count() < 150);
        for (value, words) in [
            (json!([]), "an empty list"),
            (json!([1, 2]), "a list of 2"),
            (json!({"a": 1}), "an object"),
            (json!(""), "an empty string"),
            (json!("hot"), "\"hot\""),
            (json!("é".repeat(10_000)), "a string of 20000 bytes"),
            (json!(1e300), "1e+300"),
        ] {
            assert_eq!(shown(&value), words);
        }
        assert!(shown(&json!("\u{1b}".repeat(50))).chars().count() <= SHOWN);
    }

    #[test]
    fn a_busy_server_says_when_to_come_again() {
        let response = ApiError::busy("the queue is full").response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(RETRY_AFTER));
    }
}
