//! An HTTP/1.1 server on the loopback address, with a limit on everything that a client can do.
//!
//! hyper parses requests and writes responses. This file adds what hyper leaves to its users: the
//! number of connections, the timeouts, and the [`Guard`] that every request passes. A handler gets
//! a request and gives a response, whole or as a stream. One thread serves all connections, so a
//! handler must not compute for long.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::TcpListener;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Limited;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::guard::Guard;
use super::message::{Request, Response};
use super::slots::{Slot, Slots};
use super::socket::Socket;
use super::unparsed::{Explained, Turn};

/// What a client may do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once. For one more, the longest idle connection is closed.
    pub connections: usize,
    /// Bytes of the request line and the headers together.
    pub head: usize,
    /// Number of headers.
    pub headers: usize,
    /// Bytes of the request body.
    pub body: u64,
    /// Time until the request line and the headers are complete, idle time included.
    pub request: Duration,
    /// Time for the client to read a buffer of at most 64 kB.
    pub write: Duration,
    /// Time after which a connection closes with its next response. After twice as long it is cut.
    pub connection: Duration,
    /// Time for the connections to end by themselves when the server is told to stop.
    pub stop: Duration,
}

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
            stop: Duration::from_secs(10),
        }
    }
}

/// Bytes that a connection buffers for writing.
const BUFFER: usize = 64 << 10;

/// Bytes that are read and discarded from a client that was refused while it was still sending.
const DRAIN: usize = 256 << 10;

/// Serves requests on the loopback address until the program ends.
///
/// - `methods`: the methods that are answered
/// - `handler`: makes the response to a request that passed the guard
///
/// # Errors
/// When the listener is not on the loopback address, or the system refuses to wait for it.
pub fn run<H, F>(
    listener: TcpListener,
    methods: &'static [Method],
    limits: Limits,
    handler: H,
) -> io::Result<()>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let guard = Guard::new(listener.local_addr()?, methods, limits.body);
    run_until(listener, guard, limits, handler, pending())
}

/// Serves requests until `stop` is ready. Then no connection is accepted any more, idle ones are
/// closed, and each of the others is closed after the response that is being sent, or after
/// [`Limits::stop`].
///
/// - `handler`: makes the response to a request that passed the guard
///
/// # Errors
/// When the listener is not on the loopback address and the guard is not [open](Guard::open_to), or
/// the system refuses to wait for it.
pub fn run_until<H, F>(
    listener: TcpListener,
    guard: Guard,
    limits: Limits,
    handler: H,
    stop: impl Future<Output = ()>,
) -> io::Result<()>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && !guard.is_open() {
        let words = format!("{address} can be reached from other machines; listen on 127.0.0.1");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    let shared = Arc::new((guard, handler));
    listener.set_nonblocking(true)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let slots = Slots::new(limits.connections);
        let (stopping, stopped) = watch::channel(false);
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let slot = Arc::new(slots.acquire().await);
                        let (limits, shared) = (limits.clone(), shared.clone());
                        tokio::spawn(connection(stream, slot, limits, shared, stopped.clone()));
                        // The new connection is polled before the next one is accepted.
                        tokio::task::yield_now().await;
                    }
                    // No file descriptor is left, for instance. Connections will be closed.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        first(accept, stop).await;
        drop(listener);
        stopping.send_replace(true);
        slots.close_idle();
        let _ = timeout(limits.stop, slots.all_free()).await;
        Ok(())
    })
}

/// Serves one connection until it is closed.
async fn connection<H, F>(
    stream: tokio::net::TcpStream,
    slot: Arc<Slot>,
    limits: Limits,
    shared: Arc<(Guard, H)>,
    mut stopped: watch::Receiver<bool>,
) where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let turn = Turn::default();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        slot.busy();
        turn.begin();
        let (slot, turn, shared) = (slot.clone(), turn.clone(), shared.clone());
        let body = usize::try_from(limits.body).unwrap_or(usize::MAX);
        async move {
            let (guard, handler) = &*shared;
            let response = match guard.refuse(&request) {
                Some(refusal) => refusal,
                None => handler(request.map(|incoming| Limited::new(incoming, body))).await,
            };
            Ok::<_, Infallible>(with_headers(response).map(|body| Tracked { body, slot, turn }))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.request)
        .max_headers(limits.headers)
        .max_header_size(limits.head)
        .max_buf_size(BUFFER.max(limits.head));
    let mut socket = Socket::new(stream, limits.write);
    let exchange = async {
        {
            let refusal =
                |status| with_headers(shared.0.refusal(status, not_parsed(status, &limits)));
            let socket = Explained::new(&mut socket, turn.clone(), refusal);
            let connection = http.serve_connection(TokioIo::new(socket), service);
            let mut connection = pin!(connection);
            let ended = async {
                let _ = connection.as_mut().await;
                true
            };
            let asked = async {
                let _ = timeout(limits.connection, stopped.wait_for(|stopped| *stopped)).await;
                false
            };
            if !first(ended, asked).await {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(limits.connection, connection).await;
            }
        }
        let _ = timeout(limits.request.min(Duration::from_secs(1)), socket.drain(DRAIN)).await;
    };
    first(exchange, slot.close.notified()).await;
}

/// Waits until one of two futures is ready.
async fn first<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Pending => b.as_mut().poll(cx),
        ready => ready,
    })
    .await
}

/// What a client is told whose request is not parsed.
fn not_parsed(status: StatusCode, limits: &Limits) -> String {
    let Limits { head, headers, .. } = limits;
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => format!(
            "The first line and the headers of a request may have {head} bytes together, and there \
             may be {headers} headers.\n"
        ),
        StatusCode::URI_TOO_LONG => "The path in the first line is too long.\n".into(),
        _ => "This is no request of HTTP/1.1: its first line or a header cannot be read.\n".into(),
    }
}

/// Adds the headers of every response: browsers must not guess its type, pages of other origins
/// must not embed it, and it must not be cached.
fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A response body. The connection is idle again when it is dropped.
struct Tracked {
    body: BoxBody<Bytes, io::Error>,
    slot: Arc<Slot>,
    turn: Turn,
}

impl Body for Tracked {
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

impl Drop for Tracked {
    fn drop(&mut self) {
        self.slot.idle();
        self.turn.end();
    }
}
