//! The book in a browser of this machine, built again whenever a file of it changes.
//!
//! No other machine can reach it: it listens on the loopback address only, and answers only to its own
//! name. A page asks once a second whether there is a newer one.
//!
//! HTTP, with a limit on everything that a client can do, is `loopback_server`'s. The responses are
//! made here, of files that [`directory`] finds by the path of a URL.

pub mod directory;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use loopback_server::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use loopback_server::message::{Request, Response, plain};
use loopback_server::server::{Limits, run};
use loopback_server::{Bytes, Method, StatusCode};
use mdbook_driver::errors::{Error, Result};

use crate::build::{Built, build};
use crate::places::Places;
use directory::{FileBody, Found, find, kind};

/// A page asks here for the number of the build.
const VERSION: &str = "/__version";

/// The methods that are answered.
const METHODS: &[Method] = &[Method::GET, Method::HEAD];

/// The content security policy: a page loads nothing from other origins. Inline scripts are
/// mdBook's, inline styles KaTeX's.
const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; \
                      style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; \
                      base-uri 'self'; form-action 'self'";

/// Opens the first free port from `port` on, of the next twenty.
///
/// # Errors
/// When none is free.
pub fn listen(port: u16) -> Result<(TcpListener, u16)> {
    for port in port..=port.saturating_add(20) {
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => {
                // Port 0 means any; the system has chosen one.
                let port = listener.local_addr().map_or(port, |address| address.port());
                return Ok((listener, port));
            }
            Err(error)
                if [ErrorKind::AddrInUse, ErrorKind::PermissionDenied].contains(&error.kind()) => {}
            Err(error) => {
                return Err(Error::msg(format!("cannot listen on 127.0.0.1:{port}: {error}")));
            }
        }
    }
    Err(Error::msg(format!(
        "the ports {port} to {} are all taken; give another with --port",
        port.saturating_add(20)
    )))
}

/// A directory of pages that is shown, and can be replaced by a newer one.
#[derive(Debug)]
pub struct Shown {
    directory: PathBuf,
    /// How often it was replaced. Held for writing while it is.
    version: RwLock<usize>,
}

impl Shown {
    /// Shows a directory.
    pub fn new(directory: &Path) -> Arc<Self> {
        Arc::new(Self { directory: directory.to_path_buf(), version: RwLock::new(1) })
    }

    /// Puts another directory in its place. A file that is being sent was opened before, and is
    /// sent to its end.
    ///
    /// # Errors
    /// When the directories cannot be renamed.
    pub fn replace(&self, next: &Path) -> io::Result<()> {
        let old = self.directory.with_extension("old");
        match fs::remove_dir_all(&old) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut version = self.version.write().unwrap_or_else(PoisonError::into_inner);
        fs::rename(&self.directory, &old)?;
        if let Err(error) = fs::rename(next, &self.directory) {
            let _ = fs::rename(&old, &self.directory);
            return Err(error);
        }
        *version += 1;
        drop(version);
        fs::remove_dir_all(&old)
    }

    /// The response to a request.
    pub fn respond(&self, request: &Request) -> Response {
        let path = request.uri().path();
        // The file is opened under the lock and read after it: a slow client does not hold it.
        let (version, found, missing) = {
            let version = self.version.read().unwrap_or_else(PoisonError::into_inner);
            if path == VERSION {
                return plain(StatusCode::OK, version.to_string());
            }
            let found = find(&self.directory, path);
            let missing = if found.is_none() { find(&self.directory, "/404.html") } else { None };
            (*version, found, missing)
        };
        match (found, missing) {
            (Some(found), _) => page(StatusCode::OK, found, Some(version)),
            (None, Some(missing)) => page(StatusCode::NOT_FOUND, missing, None),
            (None, None) => plain(StatusCode::NOT_FOUND, "There is no such page.\n"),
        }
    }
}

/// A response with a file. A page of a known version gets the script that looks for a newer one.
fn page(status: StatusCode, found: Found, version: Option<usize>) -> Response {
    let kind = kind(&found.path);
    let Found { mut file, length, .. } = found;
    let end =
        if kind.starts_with("text/html") { end_of_body(&mut file, length).ok() } else { None };
    let mut body = FileBody::new(file, length);
    if let (Some(Some(end)), Some(version)) = (end, version) {
        body = body.with(end, script(version));
    }
    let length = body.length();
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// A script that looks for a newer page. Only while it is served: the files stay as they are.
fn script(version: usize) -> Bytes {
    let script = format!(
        "<script>setInterval(async () => {{ try {{ const now = await (await fetch(\"{VERSION}\")).text(); \
         if (now !== \"{version}\") location.reload(); }} catch {{ }} }}, 1000);</script>"
    );
    script.into()
}

/// Where a page's `</body>` begins: among its last bytes. The file stands at its start afterwards.
fn end_of_body(file: &mut File, length: u64) -> io::Result<Option<u64>> {
    const TAG: &[u8] = b"</body>";
    let start = length.saturating_sub(256);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(length - start).read_to_end(&mut tail)?;
    file.rewind()?;
    let at = tail.windows(TAG.len()).rposition(|bytes| bytes == TAG);
    Ok(at.map(|at| start + at as u64))
}

/// Serves what is shown until the program ends.
///
/// # Errors
/// When the listener cannot be used.
pub fn show(shown: Arc<Shown>, listener: TcpListener, limits: Limits) -> io::Result<()> {
    run(listener, METHODS, limits, move |request| std::future::ready(shown.respond(&request)))
}

/// Serves the directory, and builds it again when something changes. Ends with the program.
///
/// # Errors
/// When the server cannot be started.
pub fn serve(
    places: &Places,
    directory: &Path,
    listener: TcpListener,
    mut built: Built,
) -> Result<()> {
    let shown = Shown::new(directory);
    let server = {
        let shown = shown.clone();
        std::thread::spawn(move || show(shown, listener, Limits::default()))
    };
    let mut seen = times(places, &built.sources);
    while !server.is_finished() {
        std::thread::sleep(Duration::from_millis(500));
        let now = times(places, &built.sources);
        if now == seen {
            continue;
        }
        seen = now;
        let next = directory.with_extension("next");
        let fresh =
            build(places, &next).and_then(|fresh| Ok(shown.replace(&next).map(|()| fresh)?));
        match fresh {
            Ok(fresh) => {
                built = fresh;
                seen = times(places, &built.sources);
                println!("built again; {}", crate::check::summary(&built.problems));
            }
            Err(error) => eprintln!("error: {error:#}"),
        }
        for problem in &built.problems {
            eprintln!("{problem}");
        }
    }
    match server.join() {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::msg("the server has stopped; start it again")),
    }
}

/// When each file that makes the book was changed last.
fn times(places: &Places, sources: &[PathBuf]) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let mut times = BTreeMap::new();
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let mut directories: Vec<_> =
        ["text", "outputs", "quizzes", "cards", "theme"].map(|name| places.of(name)).into();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over() {
        let (first, port) = listen(0).unwrap();
        let (_second, next) = listen(port).unwrap();
        assert!(next > port);
        drop(first);
    }
}
