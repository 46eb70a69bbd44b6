//! Words for requests that are not even parsed.
//!
//! No handler sees a request whose first line or headers cannot be read, or are too long: hyper
//! answers by itself, with a status and an empty body, and has no setting for it. So this file stands
//! between hyper and the socket. What hyper writes while no response of ours is under way is its own
//! answer: it is held back until it is complete, and gets a body.
//!
//! ```text
//! over  -- the service is called -->  answering  -- the body has ended -->  ending  -- flushed -->  over
//! ```
//!
//! Where the refused request follows another one so closely that the response before it is not
//! flushed yet, hyper's answer stays as it is. So does the silence after a request of HTTP/2.
//!
//! What this file leaves out: which words ([`server`](super::server)).

use std::future::Future;
use std::io::{ErrorKind, IoSlice, Result};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker, ready};

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::message::Response;

/// Whose turn it is on a connection: see the head of this file.
#[derive(Clone, Debug, Default)]
pub struct Turn(Arc<AtomicU8>);

const OVER: u8 = 0;
const ANSWERING: u8 = 1;
const ENDING: u8 = 2;

impl Turn {
    /// A request has been parsed: what is written from now on is the response to it.
    pub fn begin(&self) {
        self.0.store(ANSWERING, Ordering::Relaxed);
    }

    /// hyper has all of the response. It may not be written yet.
    pub fn end(&self) {
        self.0.store(ENDING, Ordering::Relaxed);
    }

    fn flushed(&self) {
        let _ = self.0.compare_exchange(ENDING, OVER, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == OVER
    }
}

/// A connection on which hyper's own answers get a body.
pub struct Explained<'s, S, F> {
    socket: &'s mut S,
    turn: Turn,
    /// Makes the response that is sent instead.
    refusal: F,
    /// hyper's own answer, as far as it was written.
    held: Vec<u8>,
    /// What takes its place, as far as it is still to be sent.
    instead: Vec<u8>,
}

impl<'s, S: AsyncWrite + Unpin, F: Fn(StatusCode) -> Response> Explained<'s, S, F> {
    /// Wraps a socket.
    pub fn new(socket: &'s mut S, turn: Turn, refusal: F) -> Self {
        Self { socket, turn, refusal, held: Vec::new(), instead: Vec::new() }
    }

    /// Sends what was held back, with its body.
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let explained = explained(&held, &self.refusal);
            self.instead.extend(explained.unwrap_or(held));
        }
        while !self.instead.is_empty() {
            match ready!(Pin::new(&mut *self.socket).poll_write(cx, &self.instead))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                written => drop(self.instead.drain(..written)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// An answer with headers and a body. `None` where this is no error without a body.
///
/// head: its first line and its headers, as hyper writes them
fn explained(head: &[u8], refusal: impl Fn(StatusCode) -> Response) -> Option<Vec<u8>> {
    let head = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
    let status: StatusCode = head.split(' ').nth(1)?.parse().ok()?;
    if !(status.is_client_error() || status.is_server_error()) || head.contains("\r\n\r\n") {
        return None;
    }
    let (parts, body) = refusal(status).into_parts();
    // It is in memory: there is nothing to wait for.
    let collected = pin!(body.collect()).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Ok(body)) = collected else { return None };
    let body = body.to_bytes();
    let is_length = |line: &&str| {
        line.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case("content-length"))
    };
    let mut bytes = Vec::new();
    for line in head.split("\r\n").filter(|line| !is_length(line)) {
        bytes.extend([line.as_bytes(), b"\r\n"].concat());
    }
    let length = HeaderValue::from(body.len());
    for (name, value) in parts.headers.iter().chain([(&CONTENT_LENGTH, &length)]) {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([b"\r\n", &body[..]].concat());
    Some(bytes)
}

impl<S: AsyncRead + Unpin, F: Unpin> AsyncRead for Explained<'_, S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut *self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin, F: Fn(StatusCode) -> Response + Unpin> AsyncWrite
    for Explained<'_, S, F>
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.as_mut().poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if !self.turn.is_over() {
            return Pin::new(&mut *self.socket).poll_write_vectored(cx, slices);
        }
        let before = self.held.len();
        slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
        Poll::Ready(Ok(self.held.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_instead(cx))?;
        ready!(Pin::new(&mut *self.socket).poll_flush(cx))?;
        self.turn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut *self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::plain;
    use super::*;

    fn explain(head: &str) -> Option<String> {
        let bytes = explained(head.as_bytes(), |status| plain(status, "These are words.\n"));
        bytes.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn an_answer_gets_headers_and_a_body() {
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\ndate: now\r\n\r\n";
        let expected = "HTTP/1.1 400 Bad Request\r\ndate: now\r\n\
                        content-type: text/plain; charset=utf-8\r\ncontent-length: 17\r\n\r\n\
                        These are words.\n";
        assert_eq!(explain(head).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_error_without_a_body_stays_as_it_is() {
        for head in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab",
            "HTTP/1.1 400 Bad Request\r\n\r\n\r\n\r\n",
            "HTTP/1.1 400",
            "",
        ] {
            assert_eq!(explain(head), None, "{head:?}");
        }
    }
}
