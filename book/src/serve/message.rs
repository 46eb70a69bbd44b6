//! What a handler is given and what it gives back: a request, and a response.

use std::io;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::StatusCode;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// A request. Reading its body fails beyond [`Limits::body`](super::server::Limits::body).
pub type Request = hyper::Request<Limited<Incoming>>;

/// A response.
pub type Response = hyper::Response<BoxBody<Bytes, io::Error>>;

/// A response of plain text.
pub fn plain(status: StatusCode, words: impl Into<Bytes>) -> Response {
    let body = Full::new(words.into()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
