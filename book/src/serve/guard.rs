//! Checks that every request must pass before it is handled.
//!
//! A server on the loopback address can be reached from every web page that its user has open. A
//! page of a stranger cannot read the answers, because its origin is another. But it can let its
//! own name point to 127.0.0.1 (*DNS rebinding*): then it has the origin of this server, and reads
//! everything. What it cannot change is the header `Host`, in which the browser sends that name.
//!
//! What this file leaves out: how a request is answered that passes.

use std::net::{IpAddr, SocketAddr};

use hyper::body::Body;
use hyper::header::{ALLOW, CONNECTION, HOST, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};

use super::message::{Response, plain};

/// The checks of a server: its names, its methods, the size of a body.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The names of the server, with its port: `127.0.0.1:3000`.
    names: Vec<String>,
    methods: &'static [Method],
    body: u64,
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
        Self { names, methods, body }
    }

    /// The response to a request that fails a check; `None` if it passes all of them.
    pub fn refuse<B: Body>(&self, request: &Request<B>) -> Option<Response> {
        if !self.is_for_us(request) {
            let address = self.names.first().map_or("", String::as_str);
            let words = format!("This server answers at http://{address}/ alone.\n");
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
        let own = |name: &str| self.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let mut origins = request.headers().get_all(ORIGIN).iter();
        host.to_str().is_ok_and(own)
            && origins
                .all(|o| o.to_str().ok().and_then(|o| o.strip_prefix("http://")).is_some_and(own))
            && request.uri().authority().is_none_or(|authority| own(authority.as_str()))
    }
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
