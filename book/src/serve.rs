//! The book in a browser of this machine, built anew whenever a file of it changes.
//!
//! Nobody else can reach it: it listens on the loopback address only. A page asks once a second
//! whether there is a newer one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use mdbook_driver::errors::{Error, Result};
use tiny_http::{Header, Request, Response, Server};

use crate::build::{Built, build};
use crate::places::Places;

/// A page asks here for the number of the build.
const VERSION: &str = "/__version";

/// Opens the first free port from `port` on, of the next twenty.
///
/// # Errors
/// When none is free.
pub fn listen(port: u16) -> Result<(Server, u16)> {
    for port in port..=port.saturating_add(20) {
        match Server::http(("127.0.0.1", port)) {
            Ok(server) => {
                // Port 0 means any; the system has chosen one.
                let port = server.server_addr().to_ip().map_or(port, |address| address.port());
                return Ok((server, port));
            }
            Err(error) => {
                let taken = error.downcast_ref::<std::io::Error>().is_some_and(|e| {
                    [ErrorKind::AddrInUse, ErrorKind::PermissionDenied].contains(&e.kind())
                });
                if !taken {
                    return Err(Error::msg(format!("cannot listen on 127.0.0.1:{port}: {error}")));
                }
            }
        }
    }
    Err(Error::msg(format!(
        "the ports {port} to {} are all taken; give another with --port",
        port.saturating_add(20)
    )))
}

/// Serves the folder, and builds it again when something changes. Ends with the program.
///
/// # Errors
/// When the folder cannot be replaced by a newer one.
pub fn serve(places: &Places, folder: &Path, server: Server, mut built: Built) -> Result<()> {
    let version = Arc::new(AtomicUsize::new(1));
    let shown = Arc::new(RwLock::new(folder.to_path_buf()));
    {
        let (version, shown) = (version.clone(), shown.clone());
        std::thread::spawn(move || {
            for request in server.incoming_requests() {
                let version = version.load(Ordering::SeqCst);
                if let Ok(folder) = shown.read() {
                    answer(request, &folder, version);
                }
            }
        });
    }
    let mut seen = times(places, &built.sources);
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = times(places, &built.sources);
        if now == seen {
            continue;
        }
        seen = now;
        let next = folder.with_extension("next");
        match build(places, &next) {
            Ok(fresh) => {
                // Pages are not taken away while somebody reads them: only the exchange waits.
                let reading = shown.write().map_err(|_| Error::msg("the server has stopped"))?;
                let _ = fs::remove_dir_all(folder);
                fs::rename(&next, folder)?;
                drop(reading);
                built = fresh;
                seen = times(places, &built.sources);
                version.fetch_add(1, Ordering::SeqCst);
                println!("built again; {}", crate::check::summary(&built.problems));
            }
            Err(error) => eprintln!("error: {error:#}"),
        }
        for problem in &built.problems {
            eprintln!("{problem}");
        }
    }
}

/// When each file that makes the book was changed last.
fn times(places: &Places, sources: &[PathBuf]) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let mut times = BTreeMap::new();
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let mut folders: Vec<_> =
        ["text", "outputs", "quizzes", "cards", "theme"].map(|name| places.of(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                times.insert(path.clone(), changed(&path));
            }
        }
    }
    for path in sources.iter().chain([&places.of("notation.toml")]) {
        times.insert(path.clone(), changed(path));
    }
    times
}

fn answer(request: Request, folder: &Path, version: usize) {
    let url = request.url().split(['?', '#']).next().unwrap_or("/").to_string();
    let (status, kind, body) = if url == VERSION {
        (200, "text/plain", version.to_string().into_bytes())
    } else {
        match file(folder, &url) {
            Some((path, body)) => (200, kind(&path), with_script(&path, body, version)),
            None => {
                let page = fs::read(folder.join("404.html")).unwrap_or_default();
                (404, "text/html; charset=utf-8", page)
            }
        }
    };
    let length = body.len();
    let headers = [("Content-Type", kind), ("Cache-Control", "no-cache")]
        .into_iter()
        .filter_map(|(name, value)| Header::from_bytes(name, value).ok())
        .collect();
    // A reader who has gone on to another page is no fault.
    let _ = request.respond(Response::new(
        status.into(),
        headers,
        Cursor::new(body),
        Some(length),
        None,
    ));
}

/// The file that an address names, if it is one of the folder.
fn file(folder: &Path, url: &str) -> Option<(PathBuf, Vec<u8>)> {
    let name = decoded(url.trim_start_matches('/'))?;
    let inside = |part: &str| part != ".." && !part.contains(['\\', ':', '\0']);
    if !name.split('/').all(inside) {
        return None;
    }
    let mut path = folder.join(name);
    if path.is_dir() {
        path.push("index.html");
    }
    let body = fs::read(&path).ok()?;
    Some((path, body))
}

/// An address with its %20 and the like made plain.
fn decoded(url: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), url.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// A page that looks for a newer one. Only while it is served: the files stay as they are.
fn with_script(path: &Path, body: Vec<u8>, version: usize) -> Vec<u8> {
    if path.extension().is_none_or(|extension| extension != "html") {
        return body;
    }
    let script = format!(
        "<script>setInterval(async () => {{ try {{ const now = await (await fetch(\"{VERSION}\")).text(); \
         if (now !== \"{version}\") location.reload(); }} catch {{ }} }}, 1000);</script>"
    );
    let page = String::from_utf8_lossy(&body);
    match page.rsplit_once("</body>") {
        Some((before, after)) => format!("{before}{script}</body>{after}").into_bytes(),
        None => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_given() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.html"), "hello").unwrap();
        fs::write(folder.path().join("a b.txt"), "there").unwrap();
        let body = |url: &str| file(folder.path(), url).map(|(_, body)| body);
        assert_eq!(body("/").unwrap(), b"hello");
        assert_eq!(body("/a%20b.txt").unwrap(), b"there");
        for url in ["/../etc/passwd", "/%2e%2e/x", "/a/../../x", "/none", "/%zz", "//etc/passwd"] {
            assert_eq!(body(url), None, "{url}");
        }
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let (first, port) = listen(0).unwrap();
        let (_second, next) = listen(port).unwrap();
        assert!(next > port);
        drop(first);
    }

    #[test]
    fn pages_look_for_newer_ones_and_nothing_else_does() {
        let page = with_script(Path::new("a.html"), b"<body>x</body>".to_vec(), 3);
        assert!(String::from_utf8(page).unwrap().contains("!== \"3\""));
        assert_eq!(with_script(Path::new("a.css"), b"</body>".to_vec(), 3), b"</body>");
    }
}
