//! HTTP/1.1 for the user of this machine, with a limit on everything that a client can do.
//!
//! hyper reads requests and writes answers; here stands what it leaves to its users: how many
//! connections there may be and how long each may take ([`seats`](super::seats),
//! [`wire`](super::wire)), and that every request passes the [`Guard`]. Nothing here knows of the
//! book. One thread serves all connections, so an answer must not compute for long.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::TcpListener;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{sleep, timeout};

use super::guard::Guard;
use super::seats::{Seat, Seats};
use super::wire::Wire;

/// A request, with a body that fails where it becomes too long.
pub type Question = Request<Limited<Incoming>>;

/// An answer.
pub type Answer = Response<BoxBody<Bytes, io::Error>>;

// ANCHOR: limits
/// What a client may do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once. One more, and the one that has waited longest is closed.
    pub connections: usize,
    /// Bytes of a request without its body.
    pub head: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// Bytes of the body of a request.
    pub body: u64,
    /// Time for sending a request, and for the silence before it.
    pub request: Duration,
    /// Time for taking what has been written to it, a piece of at most 64 kB.
    pub write: Duration,
    /// Time after which a connection is closed behind its answer; it is cut after twice as long.
    pub connection: Duration,
}
// ANCHOR_END: limits

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            head: 16 << 10,
            headers: 64,
            body: 0,
            request: Duration::from_secs(10),
            write: Duration::from_secs(10),
            connection: Duration::from_secs(60),
        }
    }
}

/// A connection writes pieces of this many bytes at most.
const PIECE: usize = 64 << 10;

/// How much of what a refused client still sends is read, so that it can read the answer.
const LINGER: usize = 256 << 10;

/// An answer of plain text.
pub fn plain(status: StatusCode, words: impl Into<Bytes>) -> Answer {
    let body = Full::new(words.into()).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed());
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// Answers requests until the program ends.
///
/// # Errors
/// When the listener is not on the loopback address, or the system refuses to wait for it.
pub fn run<A, F>(
    listener: TcpListener,
    methods: &'static [Method],
    limits: Limits,
    answer: A,
) -> io::Result<()>
where
    A: Fn(Question) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let words = format!("{address} can be reached from other machines; listen on 127.0.0.1");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    let guard = Guard::new(address, methods, limits.body);
    let shared = Arc::new((guard, answer));
    listener.set_nonblocking(true)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let seats = Seats::new(limits.connections);
        loop {
            match listener.accept().await {
                Ok((socket, _)) => {
                    let seat = Arc::new(seats.take().await);
                    tokio::spawn(attend(socket, seat, limits.clone(), shared.clone()));
                    // Whoever has just come is heard before the next one is let in.
                    tokio::task::yield_now().await;
                }
                // Out of file descriptors, for instance: others will be closed.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    })
}

/// One connection, from its first request to its end.
async fn attend<A, F>(
    socket: tokio::net::TcpStream,
    seat: Arc<Seat>,
    limits: Limits,
    shared: Arc<(Guard, A)>,
) where
    A: Fn(Question) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        seat.answer();
        let (seat, shared) = (seat.clone(), shared.clone());
        let body = usize::try_from(limits.body).unwrap_or(usize::MAX);
        async move {
            let (guard, answer) = &*shared;
            let answer = match guard.refuse(&request) {
                Some(refusal) => refusal,
                None => answer(request.map(|incoming| Limited::new(incoming, body))).await,
            };
            Ok::<_, Infallible>(safe(answer).map(|body| Held { body, seat }))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.request)
        .max_headers(limits.headers)
        .max_header_size(limits.head)
        .max_buf_size(PIECE.max(limits.head));
    let mut wire = Wire::new(socket, limits.write);
    let talk = async {
        {
            let connection = http.serve_connection(TokioIo::new(&mut wire), service);
            let mut connection = pin!(connection);
            if timeout(limits.connection, connection.as_mut()).await.is_err() {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(limits.connection, connection).await;
            }
        }
        let _ = timeout(limits.request.min(Duration::from_secs(1)), wire.drain(LINGER)).await;
    };
    first(talk, seat.leave.notified()).await;
}

/// Waits for whichever of two comes first.
async fn first(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Pending => b.as_mut().poll(cx),
        ready => ready,
    })
    .await;
}

/// Adds what every answer says: that its kind is not to be guessed, that pages of others cannot
/// embed it, and that it is not to be kept.
fn safe(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The body of an answer. When it is dropped, its connection waits for the next request.
struct Held {
    body: BoxBody<Bytes, io::Error>,
    seat: Arc<Seat>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.seat.wait();
    }
}
