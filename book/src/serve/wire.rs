//! A socket whose other end must read.
//!
//! Without a limit, a client that asks for a large page and does not read it keeps its connection
//! and what was prepared for it, for ever.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// A connection whose writes fail when the client does not take them.
pub struct Wire {
    socket: TcpStream,
    patience: Duration,
    /// Runs from the first write that had to wait until all has been taken.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// Wraps a socket. All that is written until it is flushed must be taken within `patience`:
    /// a byte now and then is not enough.
    pub fn new(socket: TcpStream, patience: Duration) -> Self {
        Self { socket, patience, stalled: None }
    }

    /// Reads what a client still sends that was refused before it had finished, up to `limit`
    /// bytes. If this were left unread, the system would reset the connection, and the client
    /// might never see why.
    pub async fn drain(&self, limit: usize) {
        let (mut buffer, mut left) = ([0; 4096], limit);
        while left > 0 && self.socket.readable().await.is_ok() {
            match self.socket.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => left = left.saturating_sub(read),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// The result of a write; an error if it has had to wait too long.
    fn limited<T>(&mut self, cx: &mut Context<'_>, written: Poll<T>) -> Poll<Result<T>> {
        if let Poll::Ready(written) = written {
            return Poll::Ready(Ok(written));
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client does not read")))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.limited(cx, written).map(Result::flatten)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.limited(cx, written).map(Result::flatten)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.stalled = None;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
