//! A client of HTTP/1.1 over a raw socket, as plain as can be: for the tests of the book's server and
//! of stage 3's. It is included as a module.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long a test waits before it says that the server hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of a server on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub port: u16,
}

impl Client {
    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// The beginning of a request, up to its body.
    pub fn head(&self, method: &str, path: &str, headers: &str) -> String {
        let port = self.port;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n"
        )
    }

    /// Sends bytes, and reads until the server closes.
    pub fn send(&self, bytes: &[u8]) -> Vec<u8> {
        let mut socket = self.connect();
        let _ = socket.write_all(bytes); // a server may have refused before it has read all
        rest(socket)
    }

    pub fn send_head(&self, method: &str, path: &str, headers: &str) -> Reply {
        Reply::parse(&self.send(self.head(method, path, headers).as_bytes()))
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        let mut bytes = self.head(method, path, headers).into_bytes();
        bytes.extend_from_slice(body);
        Reply::parse(&self.send(&bytes))
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "", b"")
    }

    pub fn post_bytes(&self, path: &str, kind: &str, body: &[u8]) -> Reply {
        let kind =
            if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        self.ask("POST", path, &format!("{kind}Content-Length: {}\r\n", body.len()), body)
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_bytes(path, "application/json", body.to_string().as_bytes())
    }

    /// Sends a request, and reads nothing.
    pub fn start(&self, path: &str, body: &Value) -> TcpStream {
        let body = body.to_string();
        let headers =
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let mut socket = self.connect();
        socket.write_all((self.head("POST", path, &headers) + &body).as_bytes()).unwrap();
        socket
    }
}

/// What is left to read. A connection that is reset has ended, too; one that stays open has not.
pub fn rest(mut socket: impl Read) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match socket.read(&mut piece) {
            Ok(0) => return all,
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                panic!("the server neither answers nor closes: {}", all.escape_ascii())
            }
            Err(_) => return all,
        }
    }
}

/// An answer, with its body put together.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(bytes: &[u8]) -> Reply {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", bytes.escape_ascii()));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: bytes[end + 4..].to_vec() };
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = unchunked(&reply.body);
        }
        reply
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", self.body.escape_ascii()))
    }
}

/// A body that was sent in chunks, which must end with an empty one.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").expect("the length of a chunk");
        let length = std::str::from_utf8(&bytes[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let chunk = &bytes[end + 2..];
        assert_eq!(&chunk[length..length + 2], b"\r\n");
        if length == 0 {
            assert_eq!(chunk.len(), 2, "nothing follows the last chunk");
            return body;
        }
        body.extend_from_slice(&chunk[..length]);
        bytes = &chunk[length + 2..];
    }
}
