//! What a handler is given and what it gives back: a request, and a response.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;

/// A request. Reading its body fails beyond [`Limits::body`](super::server::Limits::body).
pub type Request = hyper::Request<Limited<Incoming>>;

/// A response.
pub type Response = hyper::Response<BoxBody<Bytes, io::Error>>;

/// A response of plain text.
pub fn plain(status: StatusCode, words: impl Into<Bytes>) -> Response {
    whole(status, "text/plain; charset=utf-8", words)
}

/// A response whose body is known.
///
/// kind: its media type
pub fn whole(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let body = Full::new(body.into()).map_err(|never| match never {});
    response(status, kind, body.boxed())
}

/// A response whose body is made while it is sent.
///
/// kind: its media type; next: polled for the next piece, `None` after the last. It is dropped when
/// the client has all of it or has gone.
pub fn streamed<F>(status: StatusCode, kind: &'static str, next: F) -> Response
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<Bytes>> + Unpin + Send + Sync + 'static,
{
    response(status, kind, Stream(next).map_err(|never| match never {}).boxed())
}

fn response(status: StatusCode, kind: &'static str, body: BoxBody<Bytes, io::Error>) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A body that a function makes.
struct Stream<F>(F);

impl<F> Body for Stream<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<Bytes>> + Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        (self.0)(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Why a request body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is larger than [`Limits::body`](super::server::Limits::body).
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// The connection broke, or the framing is wrong.
    Broken,
}

/// The whole body of a request.
///
/// # Errors
/// [`Unread`] when it is too large, is not there `within` this time, or breaks off.
pub async fn read_body(request: Request, within: Duration) -> Result<Bytes, Unread> {
    match timeout(within, request.into_body().collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) => Err(Unread::Broken),
        Err(_) => Err(Unread::TooSlow),
    }
}
