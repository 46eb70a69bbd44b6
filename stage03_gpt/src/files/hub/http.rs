//! Requests to the hub: where they may go, what they carry, how long they may take.
//!
//! The hub answers a request for a large file with a redirect to another server, which stores the
//! content. Redirects are followed here and not in the library below, because each of them decides
//! about the token: it goes to the hub's own origin (scheme, host and port) and nowhere else. A
//! redirect from `https` to `http` is not followed.
//!
//! Every answer is untrusted: its length, its number of redirects and its time are bounded.
//!
//! What this file leaves out: the body of a file ([`download`](super::download)), and the words for
//! users ([`hub`](super)).

use std::time::Duration;

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderName, LOCATION, RANGE};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, Timeout};

use super::cache::is_commit;
use super::name::is_path;
use super::settings::Hub;

/// The largest number of redirects that are followed for one request.
const MOST_REDIRECTS: usize = 5;

/// Why a request has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection, a broken one, a time-out, or a server that is busy. A later attempt may
    /// succeed.
    Network(String),
    /// The hub refuses.
    Refused {
        /// The status of HTTP, such as 404.
        status: u16,
        /// The hub's own name for the reason, such as `GatedRepo`. Empty where it gives none.
        code: String,
    },
    /// An answer that the hub would not give.
    Wrong(String),
}

/// What the hub says about a file before its content.
#[derive(Debug)]
pub(super) struct About {
    pub(super) commit: String,
    /// The name of the content. That of a large file is its SHA-256.
    pub(super) etag: String,
    /// The length in bytes.
    pub(super) size: u64,
}

/// A client of one hub.
pub(super) struct Http<'h> {
    hub: &'h Hub,
    agent: Agent,
}

impl Http<'_> {
    pub(super) fn new(hub: &Hub) -> Http<'_> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("stage03_gpt/", env!("CARGO_PKG_VERSION")))
            // A file is wanted as it is, and its length with it.
            .accept_encoding("identity")
            .timeout_resolve(Some(hub.patience))
            .timeout_connect(Some(hub.patience))
            .timeout_recv_response(Some(hub.patience))
            .timeout_per_read(Some(hub.patience))
            .build();
        Http { hub, agent: config.new_agent() }
    }

    /// The address of a file.
    fn address(&self, repository: &str, revision: &str, file: &str) -> String {
        let (revision, file) = (escaped(revision, ""), escaped(file, "/"));
        format!("{}/{repository}/resolve/{revision}/{file}", self.hub.endpoint)
    }

    /// What the hub says about a file.
    pub(super) fn about(
        &self,
        repository: &str,
        revision: &str,
        file: &str,
    ) -> Result<About, Failure> {
        let mut address = self.address(repository, revision, file);
        let mut commit = None;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.send(&address, Method::Head)?;
            commit = header(&answer, "x-repo-commit").or(commit);
            if !answer.status().is_redirection() {
                expect_success(&answer)?;
            } else if header(&answer, "x-linked-etag").is_none() {
                let next = redirect(&address, &answer)?;
                if self.is_own(&next) {
                    address = next;
                    continue;
                }
            } // a redirect to the content, and all that is asked for is in this answer
            return about(&answer, commit);
        }
        Err(too_many_redirects())
    }

    /// The content of a file from byte `start` on: whether it begins there, and the answer. A
    /// server that knows no ranges sends the whole.
    pub(super) fn content(
        &self,
        repository: &str,
        about: &About,
        file: &str,
        start: u64,
    ) -> Result<(bool, Response<Body>), Failure> {
        let mut address = self.address(repository, &about.commit, file);
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.send(&address, Method::Get { start })?;
            if answer.status().is_redirection() {
                address = redirect(&address, &answer)?;
                continue;
            }
            expect_success(&answer)?;
            let ranged = answer.status() == 206;
            let expected = if ranged {
                let range = header(&answer, "content-range").unwrap_or_default();
                if range != format!("bytes {start}-{}/{}", about.size - 1, about.size) {
                    let asked = format!("bytes {start} to {}", about.size - 1);
                    return Err(Failure::Wrong(format!("asked for {asked}, it sends {range:?}")));
                }
                about.size - start
            } else {
                about.size
            };
            let length = header(&answer, CONTENT_LENGTH.as_str());
            return match length.map(|length| length.parse::<u64>()) {
                Some(length) if length != Ok(expected) => Err(Failure::Wrong(format!(
                    "it announced {expected} bytes, and now sends {}",
                    length.map_or("another number".into(), |length| length.to_string())
                ))),
                _ => Ok((ranged || start == 0, answer)),
            };
        }
        Err(too_many_redirects())
    }

    fn send(&self, address: &str, method: Method) -> Result<Response<Body>, Failure> {
        let mut request = match method {
            Method::Head => self.agent.head(address),
            Method::Get { .. } => self.agent.get(address),
        };
        if let Method::Get { start: start @ 1.. } = method {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        if let Some(token) = &self.hub.token
            && self.is_own(address)
            && is_private(address)
        {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.secret()));
        }
        let answer = request.call().map_err(|error| failure(&error, self.hub.patience))?;
        match answer.status().as_u16() {
            status @ (408 | 429 | 500..) => {
                Err(Failure::Network(format!("the server answers with status {status}")))
            }
            _ => Ok(answer),
        }
    }

    /// Whether an address is of the hub's own origin.
    fn is_own(&self, address: &str) -> bool {
        origin(address).is_some() && origin(address) == origin(&self.hub.endpoint)
    }
}

#[derive(Clone, Copy)]
enum Method {
    Head,
    Get { start: u64 },
}

/// The parts of an address that decide who gets the request, as the library below reads them.
fn origin(address: &str) -> Option<(String, String, Option<u16>)> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = uri.port_u16().or(match &*scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    });
    // `user@host` is nothing that the hub gives.
    let host =
        uri.host().filter(|_| !uri.authority().is_some_and(|all| all.as_str().contains('@')));
    Some((scheme, host?.to_ascii_lowercase(), port))
}

/// Whether nobody on the way can read a request: over TLS, or within this computer.
fn is_private(address: &str) -> bool {
    origin(address).is_some_and(|(scheme, host, _)| {
        scheme == "https" || ["localhost", "127.0.0.1", "[::1]"].contains(&&*host)
    })
}

/// Where a redirect leads.
fn redirect(from: &str, answer: &Response<Body>) -> Result<String, Failure> {
    let wrong = |problem: &str| Failure::Wrong(format!("a redirect {problem}"));
    let to = header(answer, LOCATION.as_str()).ok_or_else(|| wrong("leads nowhere"))?;
    let here: Uri = from.parse().map_err(|_| wrong("from an address that is none"))?;
    let (scheme, host) = (here.scheme_str().unwrap_or_default(), here.authority());
    let to = match (to.strip_prefix("//"), to.starts_with('/'), host) {
        (Some(other), ..) => format!("{scheme}://{other}"),
        (None, true, Some(host)) => format!("{scheme}://{host}{to}"),
        _ => to,
    };
    match (origin(from), origin(&to)) {
        (Some((from, ..)), Some((to, ..))) if from == "https" && to != "https" => {
            Err(wrong("leads from https to http"))
        }
        (_, Some((scheme, ..))) if scheme == "https" || scheme == "http" => Ok(to),
        _ => Err(wrong("leads to no address of HTTP")),
    }
}

fn too_many_redirects() -> Failure {
    Failure::Wrong(format!("more than {MOST_REDIRECTS} redirects, one after another"))
}

fn expect_success(answer: &Response<Body>) -> Result<(), Failure> {
    if answer.status() == 200 || answer.status() == 206 {
        return Ok(());
    }
    let code = header(answer, "x-error-code").unwrap_or_default();
    Err(Failure::Refused { status: answer.status().as_u16(), code })
}

/// What the headers of an answer say about a file. Commit and ETag become names of files, so they
/// may only be what the hub makes them.
fn about(answer: &Response<Body>, commit: Option<String>) -> Result<About, Failure> {
    let lacks = |what: &str| Failure::Wrong(format!("an answer without {what}"));
    let commit = commit.filter(|commit| is_commit(commit));
    let commit = commit.ok_or_else(|| lacks("the commit of the model (X-Repo-Commit)"))?;
    let etag = header(answer, "x-linked-etag").or_else(|| header(answer, ETAG.as_str()));
    let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_string());
    let etag = etag.filter(|etag| is_path(etag) && !etag.contains('/') && etag.len() <= 128);
    let etag = etag.ok_or_else(|| lacks("the name of the content (ETag)"))?;
    let size = header(answer, "x-linked-size").or_else(|| header(answer, CONTENT_LENGTH.as_str()));
    let size = size.and_then(|size| size.parse().ok());
    let size = size.ok_or_else(|| lacks("the length of the file"))?;
    Ok(About { commit, etag, size })
}

/// A header of an answer, where it is plain text.
fn header(answer: &Response<Body>, name: &str) -> Option<String> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    Some(answer.headers().get(name)?.to_str().ok()?.to_string())
}

/// A text as a part of an address: `%` and two digits for all but letters, digits, `-._~` and
/// `keep`.
fn escaped(text: &str, keep: &str) -> String {
    let mut all = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        match c.is_ascii_alphanumeric() || "-._~".contains(c) || keep.contains(c) {
            true => all.push(c),
            false => all.push_str(&format!("%{byte:02X}")),
        }
    }
    all
}

/// An error of the library below. No message of it holds a header, so none holds the token.
pub(super) fn failure(error: &ureq::Error, patience: Duration) -> Failure {
    let seconds = patience.as_secs_f64();
    Failure::Network(match error {
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            format!("no connection within {seconds} s")
        }
        ureq::Error::Timeout(_) => format!("the server sends nothing for {seconds} s"),
        ureq::Error::HostNotFound => "the address of the server is not known here".into(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_compared_in_all_its_parts() {
        let hub = Hub { endpoint: "https://hub.example".into(), ..Hub::default() };
        let http = Http::new(&hub);
        for own in ["https://hub.example/a/b", "https://HUB.example:443/", "HTTPS://hub.example/x"]
        {
            assert!(http.is_own(own), "{own}");
        }
        for other in [
            "http://hub.example/a",
            "https://hub.example:444/a",
            "https://hub.example.net/",
            "https://hub.example@evil.example/",
            "https://user@hub.example/",
            "https://hub.example\\@evil.example/",
            "/a/b",
            "",
        ] {
            assert!(!http.is_own(other), "{other}");
        }
    }

    #[test]
    fn tokens_travel_in_the_clear_nowhere() {
        assert!(is_private("https://hub.example/") && is_private("http://127.0.0.1:80/"));
        assert!(is_private("http://[::1]:8080/") && !is_private("http://127.0.0.1.example/"));
        assert!(!is_private("http://hub.example/"));
    }

    #[test]
    fn parts_of_an_address_are_escaped() {
        assert_eq!(escaped("refs/pr/1", ""), "refs%2Fpr%2F1");
        assert_eq!(escaped("q 4/a+b.gguf", "/"), "q%204/a%2Bb.gguf");
    }
}
