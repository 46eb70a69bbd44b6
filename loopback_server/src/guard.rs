//! Checks that every request must pass before it is handled.
//!
//! A server on the loopback address can be reached from every web page that its user has open. A
//! page of a stranger cannot read the answers, because its origin is another. But it can let its
//! own name point to 127.0.0.1 (*DNS rebinding*): then it has the origin of this server, and reads
//! everything. What it cannot change is the header `Host`, in which the browser sends that name.
//!
//! What this file leaves out: how a request is answered that passes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::body::Body;
use hyper::header::{ALLOW, CONNECTION, HOST, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};

use super::message::{Response, plain};

/// The checks of a server: its names, its methods, the size of a body.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The names of the server, with its port: `127.0.0.1:3000`.
    names: Vec<String>,
    /// Other machines may ask, by any address of this one.
    open: bool,
    methods: &'static [Method],
    body: u64,
    refusal: fn(StatusCode, String) -> Response,
}

impl Guard {
    /// Makes the checks of a server.
    ///
    /// - `address`: the address on which it listens
    /// - `methods`: the methods that it answers
    /// - `body`: the largest request body, in bytes
    pub fn new(address: SocketAddr, methods: &'static [Method], body: u64) -> Self {
        let mut names = Vec::new();
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        for host in [host, "localhost".to_string()] {
            names.push(format!("{host}:{}", address.port()));
            if address.port() == 80 {
                names.push(host); // browsers leave the usual port out
            }
        }
        Self { names, open: false, methods, body, refusal: plain }
    }

    /// Lets other machines ask as well: by an IP address, which a stranger cannot let point
    /// elsewhere, or by one of these names, with the port if it is not the usual one.
    pub fn open_to(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names.extend(names);
        self.open = true;
        self
    }

    /// Makes the responses to refused requests, which are plain text otherwise.
    pub fn refusing_with(self, refusal: fn(StatusCode, String) -> Response) -> Self {
        Self { refusal, ..self }
    }

    /// The response to a request that is refused with these words.
    pub fn refusal(&self, status: StatusCode, words: String) -> Response {
        (self.refusal)(status, words)
    }

    /// True if other machines may ask.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The response to a request that fails a check; `None` if it passes all of them.
    pub fn refuse<B: Body>(&self, request: &Request<B>) -> Option<Response> {
        let plain = self.refusal;
        if !self.is_for_us(request) {
            let address = self.names.first().map_or("", String::as_str);
            let words = match self.open {
                false => format!("This server answers at http://{address}/ alone.\n"),
                true => "This server does not answer to this name.\n".to_string(),
            };
            return Some(closing(plain(StatusCode::FORBIDDEN, words)));
        }
        if !self.methods.contains(request.method()) {
            let allowed: Vec<_> = self.methods.iter().map(Method::as_str).collect();
            let allowed = allowed.join(", ");
            let words = format!("The methods here are {allowed}.\n");
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, words);
            if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                answer.headers_mut().insert(ALLOW, allowed);
            }
            return Some(if request.body().is_end_stream() { answer } else { closing(answer) });
        }
        // A body of unknown size is refused where none is taken; else it is cut while it is read.
        let size = request.body().size_hint();
        let nothing = request.body().is_end_stream();
        if size.lower() > self.body || (self.body == 0 && !nothing) {
            let words = format!("A request body may have {} bytes.\n", self.body);
            return Some(closing(plain(StatusCode::PAYLOAD_TOO_LARGE, words)));
        }
        None
    }

    /// True if every name that the request gives the server is one of its own.
    fn is_for_us<B>(&self, request: &Request<B>) -> bool {
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Ok(host) = host.to_str() else { return false };
        let named = |name: &str| self.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        let own = |name: &str| named(name) || (self.open && is_address(name));
        // A page of this server has the name in its origin under which it was asked for; behind a
        // proxy with TLS that is https.
        let origin = |origin: &HeaderValue| {
            let Ok(origin) = origin.to_str() else { return false };
            let tls = origin.strip_prefix("https://").filter(|_| self.open);
            let Some(name) = origin.strip_prefix("http://").or(tls) else { return false };
            named(name) || (own(name) && name.eq_ignore_ascii_case(host))
        };
        own(host)
            && request.headers().get_all(ORIGIN).iter().all(origin)
            && request.uri().authority().is_none_or(|authority| own(authority.as_str()))
    }
}

/// True for an IP address, with or without a port.
fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    name.parse::<SocketAddr>().is_ok()
        || name.parse::<Ipv4Addr>().is_ok()
        || bare.is_some_and(|name| name.parse::<Ipv6Addr>().is_ok())
}

/// Closes the connection after this response.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};
    use hyper::body::Bytes;

    use super::*;

    const READ: &[Method] = &[Method::GET, Method::HEAD];

    fn status(address: &str, request: hyper::http::request::Builder) -> Option<u16> {
        let guard = Guard::new(address.parse().unwrap(), READ, 0);
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        guard.refuse(&request).map(|answer| answer.status().as_u16())
    }

    #[test]
    fn only_the_names_of_the_server_are_answered() {
        let host =
            |address: &str, host: &str| status(address, Request::get("/").header("Host", host));
        let here = "127.0.0.1:3000";
        for own in ["127.0.0.1:3000", "localhost:3000", "LocalHost:3000"] {
            assert_eq!(host(here, own), None, "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:3000",
            "127.0.0.1",
            "127.0.0.1:3001",
            "localhost",
            "",
            "localhost.:3000",
            "[::1]:3000",
            "127.0.0.1:3000.evil.example",
            "x@127.0.0.1:3000",
            "127.0.0.1:3000, evil.example",
            "0.0.0.0:3000",
            "127.1:3000",
            " 127.0.0.1:3000",
        ] {
            assert_eq!(host(here, other), Some(403), "{other}");
        }
        assert_eq!(host("[::1]:3000", "[::1]:3000"), None);
        assert_eq!(host("[::1]:3000", "127.0.0.1:3000"), Some(403));
        assert_eq!(host("127.0.0.1:80", "localhost"), None);
    }

    #[test]
    fn host_is_given_once_and_an_origin_is_our_own() {
        let here = "127.0.0.1:3000";
        let get = || Request::get("/").header("Host", here);
        assert_eq!(status(here, Request::get("/")), Some(403));
        assert_eq!(status(here, get().header("Host", here)), Some(403));
        assert_eq!(status(here, get().header("Origin", "http://localhost:3000")), None);
        for origin in ["null", "http://evil.example", "https://127.0.0.1:3000", "127.0.0.1:3000"] {
            assert_eq!(status(here, get().header("Origin", origin)), Some(403), "{origin}");
        }
        let two = get().header("Origin", "http://127.0.0.1:3000").header("Origin", "null");
        assert_eq!(status(here, two), Some(403));
        // The absolute form names the server a second time.
        let absolute = |uri: &str| status(here, Request::get(uri).header("Host", here));
        assert_eq!(absolute("http://127.0.0.1:3000/a"), None);
        assert_eq!(absolute("http://evil.example/a"), Some(403));
        assert_eq!(absolute("http://x@127.0.0.1:3000/a"), Some(403));
    }

    #[test]
    fn an_open_server_answers_to_addresses_and_to_names_that_were_given() {
        let guard = Guard::new("0.0.0.0:3000".parse().unwrap(), READ, 0);
        let guard = guard.open_to(["chat.example".to_string()]);
        let passes = |host: &str, origin: Option<&str>| {
            let request = Request::get("/").header("Host", host);
            let request = origin.iter().fold(request, |request, o| request.header("Origin", *o));
            guard.refuse(&request.body(Empty::<Bytes>::new()).unwrap()).is_none()
        };
        for host in ["192.168.1.5:3000", "192.168.1.5", "[fe80::1]:3000", "[::1]", "localhost:3000"]
        {
            assert!(passes(host, None), "{host}");
            assert!(passes(host, Some(&format!("http://{host}"))), "{host}");
            assert!(!passes(host, Some("http://6.6.6.6")), "{host}");
            assert!(!passes(host, Some("http://evil.example")), "{host}");
        }
        assert!(passes("chat.example", Some("https://chat.example")));
        for host in ["evil.example", "evil.example:3000", "fe80::1", "[evil]", "1.2.3", ""] {
            assert!(!passes(host, None), "{host}");
        }
    }

    #[test]
    fn methods_and_bodies_are_refused() {
        let here = "127.0.0.1:3000";
        let with = |method: &str| Request::builder().method(method).uri("/").header("Host", here);
        assert_eq!(status(here, with("HEAD")), None);
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO", "get"] {
            assert_eq!(status(here, with(method)), Some(405), "{method}");
        }
        let body = |limit| {
            let guard = Guard::new(here.parse().unwrap(), READ, limit);
            let request = with("GET").body(Full::new(Bytes::from_static(b"1234"))).unwrap();
            guard.refuse(&request).map(|answer| answer.status().as_u16())
        };
        assert_eq!((body(0), body(3), body(4)), (Some(413), Some(413), None));
    }
}
