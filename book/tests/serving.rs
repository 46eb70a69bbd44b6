//! The server, asked by clients that mean no good: raw bytes over a socket.
//!
//! Beside the directory that is served lies a file that must never be given away. Nothing here
//! measures time: where a limit on time is tested, the client waits until the server acts.

#[path = "../../tests/support/http.rs"]
mod http;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use book::serve::{Shown, listen, show};
use http::{Client, Reply, rest};
use loopback_server::server::Limits;
use proptest::prelude::*;
use tempfile::TempDir;

const SECRET: &str = "this lies beside the directory";

/// More than the system keeps for a client that does not read.
const LARGE: u64 = 32 << 20;

struct Site {
    place: TempDir,
    shown: Arc<Shown>,
    client: Client,
}

impl Deref for Site {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// The usual limits, with times that no slow machine reaches.
fn patient() -> Limits {
    let long = Duration::from_secs(120);
    Limits { request: long, write: long, connection: long, ..Limits::default() }
}

const SHORT: Duration = Duration::from_millis(300);

impl Site {
    fn new(limits: Limits) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("secret.txt"), SECRET).unwrap();
        let shown = Shown::new(&place.path().join("book"));
        let (listener, port) = listen(0).unwrap();
        let site = Self { place, shown: shown.clone(), client: Client { port } };
        site.write("book", "one");
        let server = std::thread::Builder::new().name("server".into());
        server.spawn(move || show(shown, listener, limits)).unwrap();
        site
    }

    /// Writes a directory of pages.
    fn write(&self, name: &str, words: &str) -> PathBuf {
        let directory = self.place.path().join(name);
        fs::create_dir_all(directory.join("part")).unwrap();
        fs::write(directory.join("index.html"), format!("<body>{words}</body>")).unwrap();
        fs::write(directory.join("404.html"), "<body>lost</body>").unwrap();
        fs::write(directory.join("a b.txt"), "there").unwrap();
        fs::write(directory.join("part").join("index.html"), "<body>a part</body>").unwrap();
        fs::File::create(directory.join("large.txt")).unwrap().set_len(LARGE).unwrap();
        directory
    }

    /// The answer to a request line, with more header lines.
    fn ask(&self, line: &str, headers: &str) -> Reply {
        let port = self.port;
        let request = format!(
            "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n"
        );
        Reply::parse(&self.send(request.as_bytes()))
    }

    /// Fails if the server does not answer any more.
    fn lives(&self) {
        assert_eq!(self.get("/a%20b.txt").body, b"there");
    }
}

#[test]
fn a_page_comes_with_its_headers_and_a_script() {
    let site = Site::new(patient());
    let page = site.get("/?q=1");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("content-length"), Some(page.body.len().to_string().as_str()));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.starts_with("<body>one<script>") && text.ends_with("</script></body>"), "{text}");
    assert!(text.contains("!== \"1\""), "{text}");
    assert_eq!(site.get("/a%20b.txt").body, b"there");
    assert_eq!(site.get("/part/").status, 200);
    let lost = site.get("/none");
    assert_eq!((lost.status, &lost.body[..]), (404, &b"<body>lost</body>"[..]));
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let site = Site::new(patient());
    for path in ["/", "/large.txt", "/none"] {
        let (get, head) = (site.get(path), site.ask(&format!("HEAD {path}"), ""));
        assert_eq!(head.status, get.status);
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert!(head.body.is_empty(), "{path}");
    }
}

#[test]
fn no_path_leads_out_of_the_directory() {
    let site = Site::new(patient());
    let secret = site.place.path().join("secret.txt");
    let secret = secret.to_str().unwrap().replace('\\', "/");
    let encoded = secret.replace('/', "%2f");
    let mut paths: Vec<String> = [
        "/%2fetc/passwd",
        "//etc/passwd",
        "///etc/passwd",
        "/%2f%2fetc/passwd",
        "/%2Fetc%2Fpasswd",
        "/%2fproc/self/environ",
        "/%2fdev/zero",
        "/..",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/..%2f..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/.%2e/secret.txt",
        "/part/../../secret.txt",
        "/part/%2e%2e/%2e%2e/secret.txt",
        "/part/..%2f..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/%252e",
        "/%252fetc/passwd",
        "/%25%32%66etc/passwd",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/%5cetc%5cpasswd",
        "/%5c%5cserver%5cshare",
        "/C:/Windows/win.ini",
        "/C:%5cWindows%5cwin.ini",
        "/c%3a/Windows/win.ini",
        "/file:///etc/passwd",
        "/index.html%00",
        "/%00",
        "/a%00/../../secret.txt",
        "/index.html%00.txt",
        "/%zz",
        "/%",
        "/%2",
        "/%+f",
        "/%c0%ae%c0%ae/secret.txt",
        "/%ff",
        "/./%2e%2e/secret.txt",
        "/~",
        "/part",
        "/none/",
        "/index.html%2f..%2f..%2fsecret.txt",
        "/%e2%80%a5/secret.txt",
        "/index.html:$DATA",
        "/part/../index.html",
        "//index.html",
        "/%2findex.html",
        "/a%2520b.txt",
        "/part/%2e%2e/index.html",
        "/part%2f..%2findex.html",
    ]
    .map(String::from)
    .into();
    paths.extend([format!("/{secret}"), format!("/{encoded}"), format!("/%2f{secret}"), encoded]);
    for path in &paths {
        for line in [format!("GET {path}"), format!("GET http://127.0.0.1:{}{path}", site.port)] {
            let reply = site.ask(&line, "");
            assert!([400, 403, 404].contains(&reply.status), "{line}: {reply:?}");
            let text = String::from_utf8_lossy(&reply.body);
            assert!(!text.contains(SECRET) && !text.contains("root:"), "{line}: {text}");
        }
    }
    for line in ["GET file:///etc/passwd", "GET etc/passwd", "GET *", "OPTIONS *", "GET ", "GET"] {
        assert!(site.ask(line, "").status >= 400, "{line}");
    }
    site.lives();
}

#[test]
fn an_absolute_request_target_is_a_path_and_a_name() {
    let site = Site::new(patient());
    let get = |name: &str| site.ask(&format!("GET http://{name}/index.html"), "").status;
    assert_eq!(get(&format!("127.0.0.1:{}", site.port)), 200);
    assert_eq!(get("evil.example"), 403);
    assert_eq!(get(&format!("user@127.0.0.1:{}", site.port)), 403);
}

#[cfg(unix)]
#[test]
fn only_regular_files_inside_are_given() {
    use std::os::unix::fs::symlink;
    let site = Site::new(patient());
    let directory = site.place.path().join("book");
    symlink("index.html", directory.join("inside.html")).unwrap();
    symlink("../secret.txt", directory.join("secret.txt")).unwrap();
    symlink("..", directory.join("up")).unwrap();
    symlink("/dev/zero", directory.join("zero.txt")).unwrap();
    symlink("/proc/self/environ", directory.join("environ.txt")).unwrap();
    symlink("loop.txt", directory.join("loop.txt")).unwrap();
    // A name that begins like the directory's is another directory.
    fs::create_dir(site.place.path().join("book2")).unwrap();
    fs::write(site.place.path().join("book2").join("x.txt"), SECRET).unwrap();
    symlink("../book2/x.txt", directory.join("x.txt")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(directory.join("fifo.txt")).status();
    assert!(made.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(directory.join("socket.txt")).unwrap();
    assert_eq!(site.get("/inside.html").status, 200);
    for path in [
        "/secret.txt",
        "/up/secret.txt",
        "/up/book/index.html/../x",
        "/zero.txt",
        "/environ.txt",
        "/loop.txt",
        "/x.txt",
        "/fifo.txt",
        "/socket.txt",
        "/part",
    ] {
        let reply = site.get(path);
        assert_eq!((reply.status, &reply.body[..]), (404, &b"<body>lost</body>"[..]), "{path}");
    }
    // Nor does the page for what is not there lead out.
    fs::remove_file(directory.join("404.html")).unwrap();
    symlink("../secret.txt", directory.join("404.html")).unwrap();
    let lost = site.get("/none");
    assert_eq!((lost.status, &lost.body[..]), (404, &b"There is no such page.\n"[..]));
}

#[test]
fn other_names_and_origins_are_refused() {
    let site = Site::new(patient());
    let port = site.port;
    let ask = |headers: &str| {
        let request = format!("GET /index.html HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        let reply = Reply::parse(&site.send(request.as_bytes()));
        assert!(reply.status == 200 || !reply.body.starts_with(b"<body>"), "{reply:?}");
        reply.status
    };
    let own = format!("Host: 127.0.0.1:{port}\r\n");
    assert_eq!(ask(&own), 200);
    assert_eq!(ask(&format!("host: LOCALHOST:{port}\r\n")), 200);
    assert_eq!(ask(""), 403);
    assert_eq!(ask(&format!("{own}{own}")), 403);
    assert_eq!(ask(&format!("{own}Host: evil.example\r\n")), 403);
    for host in ["evil.example", "127.0.0.1", "localhost", "127.0.0.1:1", "[::1]", "\u{e9}", ""] {
        assert_eq!(ask(&format!("Host: {host}\r\n")), 403, "{host}");
    }
    assert_eq!(ask(&format!("{own}Origin: http://localhost:{port}\r\n")), 200);
    for origin in ["http://evil.example", "null", "", &format!("https://localhost:{port}")] {
        assert_eq!(ask(&format!("{own}Origin: {origin}\r\n")), 403, "{origin}");
    }
    // The number of the build is guarded as the pages are.
    let version = format!(
        "GET /__version HTTP/1.1\r\nHost: evil.example:{port}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(Reply::parse(&site.send(version.as_bytes())).status, 403);
    // Neither do old versions of the protocol go around it.
    assert_eq!(Reply::parse(&site.send(b"GET / HTTP/1.0\r\n\r\n")).status, 403);
}

#[test]
fn other_methods_and_bodies_are_refused() {
    let site = Site::new(patient());
    for method in ["POST", "DELETE", "FOO", "OPTIONS", "TRACE", "get"] {
        let reply = site.ask(&format!("{method} /index.html"), "");
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), Some("get, head"));
    }
    assert_eq!(site.ask("GET /", "Content-Length: 5\r\n").status, 413);
    assert_eq!(site.ask("GET /", "Content-Length: 99999999999999\r\n").status, 413);
    assert_eq!(site.ask("GET /", "Transfer-Encoding: chunked\r\n").status, 413);
    assert_eq!(site.ask("POST /", "Content-Length: 5\r\n").status, 405);
    // What hyper refuses by itself has words as well.
    let unparsed = site.ask("GET /", "Content-Length: x\r\n");
    assert_eq!(unparsed.status, 400);
    assert_eq!(unparsed.header("content-length"), Some(unparsed.body.len().to_string().as_str()));
    assert!(unparsed.body.ends_with(b"cannot be read.\n"), "{unparsed:?}");
    assert_eq!(site.ask("GET /", "Content-Length: 5\r\nExpect: 100-continue\r\n").status, 413);
    // A body that comes all the same is cut off.
    let head = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 300000000\r\n\r\n",
        site.port
    );
    assert!(sent_until_refused(&site, head.as_bytes(), &[b'x'; 1 << 16]) < 64 << 20);
    site.lives();
}

/// Sends a start, and one piece again and again, up to 300 MB. How much the server and the buffers
/// of the system took.
fn sent_until_refused(site: &Site, start: &[u8], piece: &[u8]) -> usize {
    let mut socket = site.connect();
    let mut sent = 0;
    socket.write_all(start).unwrap();
    while sent < 300_000_000 && socket.write_all(piece).is_ok() {
        sent += piece.len();
    }
    sent
}

#[test]
fn requests_that_are_too_long_are_cut_off() {
    let site = Site::new(patient());
    let reply = site.get(&format!("/{}", "a".repeat(20_000)));
    assert!([414, 431].contains(&reply.status), "{reply:?}");
    let line = format!("/{}", "a".repeat(1 << 20));
    let answered = site.send(format!("GET {line} HTTP/1.1\r\n\r\n").as_bytes());
    assert!(answered.is_empty() || [414, 431].contains(&Reply::parse(&answered).status));
    let many = "X: y\r\n".repeat(10_000);
    let answered = site.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes());
    assert_eq!(Reply::parse(&answered).status, 431);
    // What a refused client still sends is read, so that the connection is not reset.
    let mut socket = site.connect();
    socket.write_all(format!("GET /{}", "a".repeat(150_000)).as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answered = Vec::new();
    socket.read_to_end(&mut answered).unwrap();
    assert_eq!(Reply::parse(&answered).status, 431);
    assert_eq!(site.ask("GET /", &"X: y\r\n".repeat(70)).status, 431);
    assert_eq!(site.ask("GET /", &"X: y\r\n".repeat(50)).status, 200);
    let one_line = b"GET / HTTP/1.1\r\nX: ";
    assert!(sent_until_refused(&site, one_line, &[b'x'; 1 << 16]) < 64 << 20);
    let lines = "X: y\r\n".repeat(10_000);
    assert!(sent_until_refused(&site, b"GET / HTTP/1.1\r\n", lines.as_bytes()) < 64 << 20);
    assert!(sent_until_refused(&site, b"", &[b'\n'; 1 << 16]) < 64 << 20);
    site.lives();
}

#[test]
fn a_client_that_sends_slowly_is_cut_off() {
    let site = Site::new(Limits { request: SHORT, ..patient() });
    for start in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut socket = site.connect();
        socket.write_all(start.as_bytes()).unwrap();
        // A byte now and then does not help: the limit is for the whole request.
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let closed = (0..3000).any(|_| {
            let _ = socket.write_all(if start.is_empty() { b"" } else { b"x" });
            match socket.read(&mut [0; 100]) {
                Ok(0) => true,
                Ok(_) => false,
                Err(e) => ![ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&e.kind()),
            }
        });
        assert!(closed, "{start}");
    }
    site.lives();
}

#[test]
fn a_client_that_says_no_more_after_an_answer_is_cut_off() {
    let site = Site::new(Limits { request: SHORT, ..patient() });
    let request = format!("GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", site.port);
    assert_eq!(Reply::parse(&site.send(request.as_bytes())).status, 200);
}

#[test]
fn a_connection_ends_however_busy_it_is() {
    let site = Site::new(Limits { connection: SHORT, ..patient() });
    let request = format!("GET /__version HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", site.port);
    let mut socket = site.connect();
    let closed = (0..20_000).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        let written = socket.write_all(request.as_bytes());
        written.is_err() || matches!(socket.read(&mut [0; 1000]), Ok(0) | Err(_))
    });
    assert!(closed);
}

#[test]
fn a_client_that_does_not_read_stops_nobody() {
    let site = Site::new(patient());
    let mut lazy = site.connect();
    let request = "GET /large.txt HTTP/1.1\r\nConnection: close\r\n";
    write!(lazy, "{request}Host: 127.0.0.1:{}\r\n\r\n", site.port).unwrap();
    let mut first = [0; 1];
    lazy.read_exact(&mut first).unwrap(); // the file is open now
    assert_eq!(site.get("/__version").body, b"1");
    site.lives();
    let next = site.write("book.next", "two");
    fs::write(next.join("large.txt"), "no longer large").unwrap();
    site.shown.replace(&next).unwrap();
    assert_eq!(site.get("/__version").body, b"2");
    let page = String::from_utf8(site.get("/").body).unwrap();
    assert!(page.starts_with("<body>two<script>") && page.contains("!== \"2\""), "{page}");
    assert_eq!(site.get("/large.txt").body, b"no longer large");
    // What was begun is sent to its end.
    let reply = Reply::parse(&[&first[..], &rest(&mut lazy)].concat());
    assert_eq!((reply.status, reply.body.len() as u64), (200, LARGE));
}

#[test]
fn a_client_that_never_reads_loses_its_connection() {
    let site = Site::new(Limits { connections: 1, write: SHORT, ..patient() });
    let mut lazy = site.connect();
    write!(lazy, "GET /large.txt HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", site.port).unwrap();
    lazy.read_exact(&mut [0; 1]).unwrap();
    // There is one seat, so this is answered only when the other has lost it.
    site.lives();
    assert!((rest(&mut lazy).len() as u64) < LARGE);
}

#[test]
fn who_is_being_answered_is_not_sent_away() {
    let site = Site::new(Limits { connections: 2, ..patient() });
    let mut slow = site.connect();
    let request = "GET /large.txt HTTP/1.1\r\nConnection: close\r\n";
    write!(slow, "{request}Host: 127.0.0.1:{}\r\n\r\n", site.port).unwrap();
    let mut all = vec![0; 1];
    slow.read_exact(&mut all).unwrap();
    let _idle: Vec<_> = (0..50).map(|_| site.connect()).collect();
    site.lives();
    all.extend(rest(&mut slow));
    assert_eq!(Reply::parse(&all).body.len() as u64, LARGE);
}

#[test]
fn two_hundred_idle_connections_keep_nobody_out() {
    let site = Site::new(Limits { connections: 8, ..patient() });
    let idle: Vec<_> = (0..200).map(|_| site.connect()).collect();
    site.lives();
    for mut socket in idle.into_iter().take(190) {
        assert!(rest(&mut socket).is_empty(), "the ones that came first are closed");
    }
    // Nor do those that have been answered once, or have sent half a request.
    let half: Vec<_> = (0..200)
        .map(|i| {
            let mut socket = site.connect();
            let port = site.port;
            let request = format!("GET /part/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
            let end = if i % 2 == 0 { request.len() } else { request.len() - 2 };
            let _ = socket.write_all(&request.as_bytes()[..end]);
            socket
        })
        .collect();
    site.lives();
    drop(half);
    site.lives();
}

#[test]
fn what_is_not_http_is_closed() {
    let site = Site::new(patient());
    let hello = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\x00\x01\x02\x03\r\n\r\n";
    let garbage: Vec<u8> =
        (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [
        &hello[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        &garbage,
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    ] {
        let answered = site.send(bytes);
        let text = answered.escape_ascii().to_string();
        assert!(
            answered.is_empty() || text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.1 5"),
            "{text}"
        );
    }
    site.lives();
}

#[test]
fn requests_may_follow_each_other_at_once() {
    let site = Site::new(patient());
    let host = format!("Host: 127.0.0.1:{}\r\n", site.port);
    let requests = format!(
        "GET /a%20b.txt HTTP/1.1\r\n{host}\r\nHEAD / HTTP/1.1\r\n{host}\r\n\
         GET /%2fetc/passwd HTTP/1.1\r\n{host}\r\nGET /__version HTTP/1.1\r\n{host}Connection: close\r\n\r\n"
    );
    let all = String::from_utf8(site.send(requests.as_bytes())).unwrap();
    let statuses: Vec<_> =
        all.match_indices("HTTP/1.1 ").map(|(at, _)| &all[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "404", "200"]);
    assert!(all.ends_with("\r\n\r\n1") && all.contains("there"), "{all}");
}

#[test]
fn a_connection_is_used_again() {
    let site = Site::new(patient());
    let mut socket = site.connect();
    for _ in 0..3 {
        write!(socket, "GET /__version HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", site.port).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n1") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn a_range_is_answered_with_the_whole() {
    let site = Site::new(patient());
    for range in ["bytes=0-1", "bytes=-1", "bytes=9999999999-", "bytes=0-0,2-2", "x"] {
        let reply = site.ask("GET /a%20b.txt", &format!("Range: {range}\r\n"));
        assert_eq!((reply.status, &reply.body[..]), (200, &b"there"[..]));
    }
}

static PANICKED: AtomicBool = AtomicBool::new(false);

/// A request, and what is done to it: at a place, so many bytes give way to others.
fn mutated() -> impl Strategy<Value = (usize, Vec<(prop::sample::Index, usize, Vec<u8>)>)> {
    let pieces: [&[u8]; 18] = [
        b"/",
        b"..",
        b"%2f",
        b"%2e%2e",
        b"%",
        b"%00",
        b"\0",
        b"\\",
        b" ",
        b"\r\n",
        b"\n",
        b":",
        b"secret.txt",
        b"\xff\xfe",
        b"Content-Length: 9\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: evil.example\r\n",
        b"http://",
    ];
    let piece = prop_oneof![
        prop::sample::select(pieces.to_vec()).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    let edit = (any::<prop::sample::Index>(), 0..4usize, piece);
    (0..5usize, prop::collection::vec(edit, 0..6))
}

#[test]
fn no_bytes_make_the_server_panic_hang_or_tell_a_secret() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some("server") {
            PANICKED.store(true, Ordering::SeqCst);
        }
        usual(info);
    }));
    let site = Site::new(patient());
    let secret = site.place.path().join("secret.txt").to_str().unwrap().to_string();
    let host = format!("HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", site.port);
    let requests = [
        format!("GET / {host}\r\n"),
        format!("GET /../secret.txt {host}Connection: close\r\n\r\n"),
        format!("HEAD /{secret} {host}\r\nGET /%2f{secret} {host}\r\n"),
        format!("POST /part/ {host}Content-Length: 3\r\n\r\nabc"),
        format!(
            "GET http://localhost:{}/%2e%2e/secret.txt {host}Range: bytes=0-\r\n\r\n",
            site.port
        ),
    ];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&mutated(), |(request, edits)| {
        let mut bytes = requests[request].clone().into_bytes();
        for (at, remove, insert) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, insert);
        }
        let mut socket = site.connect();
        let _ = socket.write_all(&bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let answered = String::from_utf8_lossy(&rest(&mut socket)).into_owned();
        prop_assert!(!answered.contains(SECRET) && !answered.contains("root:"), "{answered}");
        prop_assert!(answered.is_empty() || answered.starts_with("HTTP/1."), "{answered}");
        prop_assert!(!PANICKED.load(Ordering::SeqCst));
        Ok(())
    });
    result.unwrap();
    site.lives();
}
