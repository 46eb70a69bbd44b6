//! A server on this computer that answers as the Hugging Face hub does, and one beside it that
//! stores the contents of large files. Both note every request. Everything is bounded: the number
//! of connections, the time of each, and the length of an endless answer.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The model that the hub has, and its only commit.
pub const MODEL: &str = "owner/tiny";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

const MOST_CONNECTIONS: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// An answer: its headers, and how its body is sent.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub sending: Sending,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sending {
    Whole,
    /// So many bytes, and the connection is closed.
    Broken(usize),
    /// So many bytes, and silence.
    Silent(usize),
    /// Bytes without end, and without an announced length.
    Endless,
    /// A hundredth at a time, with a pause behind each.
    Slowly(Duration),
    /// Without an announced length.
    Unannounced,
}

impl Answer {
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        Answer { status, headers, body: body.into(), sending: Sending::Whole }
    }

    fn send(&self, head: bool, stop: &AtomicBool, to: &mut TcpStream) -> std::io::Result<()> {
        let mut text = format!("HTTP/1.1 {} Answer\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !matches!(self.sending, Sending::Endless | Sending::Unannounced) {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        to.write_all((text + "\r\n").as_bytes())?;
        if head {
            return Ok(());
        }
        match self.sending {
            Sending::Whole | Sending::Unannounced => to.write_all(&self.body),
            Sending::Broken(n) => to.write_all(&self.body[..n.min(self.body.len())]),
            Sending::Silent(n) => {
                to.write_all(&self.body[..n.min(self.body.len())])?;
                to.flush()?;
                for _ in 0..200 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    std::thread::sleep(PATIENCE / 200);
                }
                Ok(())
            }
            Sending::Endless => {
                to.write_all(&self.body)?;
                (0..1_000).try_for_each(|_| to.write_all(&[0; 10_000]))
            }
            Sending::Slowly(pause) => {
                self.body.chunks(self.body.len() / 100 + 1).try_for_each(|chunk| {
                    to.write_all(chunk)?;
                    std::thread::sleep(pause);
                    Ok(())
                })
            }
        }
    }
}

/// A server, until it is dropped.
pub struct Server {
    pub address: String,
    log: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let (log, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (own_log, own_stop, answer) = (log.clone(), stop.clone(), Arc::new(answer));
        let thread = std::thread::spawn(move || {
            let mut connections = 0;
            while !own_stop.load(Ordering::Relaxed) && connections < MOST_CONNECTIONS {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                connections += 1;
                let (answer, log, stop) = (answer.clone(), own_log.clone(), own_stop.clone());
                std::thread::spawn(move || serve(stream, &*answer, &log, &stop));
            }
        });
        Server { address, log, stop, thread: Some(thread) }
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Request) -> Answer + Send + Sync),
    log: &Mutex<Vec<Request>>,
    stop: &AtomicBool,
) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new((&stream).take(100_000)).lines();
    let mut next = || lines.next().and_then(|line| line.ok()).unwrap_or_default();
    let first = next();
    let mut words = first.split(' ').map(str::to_string);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
    let mut headers = Vec::new();
    loop {
        let line = next();
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_string()));
    }
    let request = Request { method, path, headers };
    log.lock().unwrap().push(request.clone());
    let head = request.method == "HEAD";
    // A client that has seen enough closes the connection.
    let _ = answer(&request).send(head, stop, &mut stream);
}

/// The hub, with one model.
pub struct FakeHub {
    pub hub: Server,
    pub contents: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Each file, and whether it is a large one, whose content is on the other server.
    files: Mutex<BTreeMap<String, (Vec<u8>, bool)>>,
    /// What happens to the next contents, one after another.
    faults: Mutex<VecDeque<Fault>>,
    /// What the hub answers to everything.
    refusal: Mutex<Option<Answer>>,
    /// Whether the hub stores the contents of large files itself, as a mirror may.
    own_contents: AtomicBool,
}

/// What can be wrong with a content.
#[derive(Clone, Debug)]
pub enum Fault {
    Sent(Sending),
    /// Another answer.
    Answer(Answer),
    /// Another byte at this place.
    Altered(usize),
    /// Ranges are not known.
    NoRanges,
}

impl FakeHub {
    /// A hub whose model has the files of a directory.
    pub fn new(directory: &Path) -> FakeHub {
        let state = Arc::new(State::default());
        let own = state.clone();
        let contents = Server::start(move |request| own.content(request));
        let (own, address) = (state.clone(), contents.address.clone());
        let hub = Server::start(move |request| own.answer(request, &address));
        let fake = FakeHub { hub, contents, state };
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            if path.is_file() && !name.starts_with('.') {
                fake.put(&name, std::fs::read(&path).unwrap());
            }
        }
        fake
    }

    pub fn put(&self, name: &str, content: impl Into<Vec<u8>>) {
        let large = [".safetensors", ".gguf"].iter().any(|end| name.ends_with(end));
        self.state.files.lock().unwrap().insert(name.into(), (content.into(), large));
    }

    pub fn file(&self, name: &str) -> Vec<u8> {
        self.state.files.lock().unwrap()[name].0.clone()
    }

    pub fn remove(&self, name: &str) {
        self.state.files.lock().unwrap().remove(name).unwrap();
    }

    /// What happens to the next contents of large files.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.state.faults.lock().unwrap() = faults.into_iter().collect();
    }

    /// The hub stores the contents of large files itself from now on.
    pub fn store_contents(&self) {
        self.state.own_contents.store(true, Ordering::Relaxed);
    }

    /// What the hub answers to everything, if anything.
    pub fn refuse(&self, answer: impl Into<Option<Answer>>) {
        *self.state.refusal.lock().unwrap() = answer.into();
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl State {
    fn answer(&self, request: &Request, contents: &str) -> Answer {
        if let Some(refusal) = &*self.refusal.lock().unwrap() {
            return refusal.clone();
        }
        let missing = |code| {
            let headers = [("X-Error-Code", code), ("X-Repo-Commit", COMMIT)];
            Answer::new(404, &headers, "not found")
        };
        // What is not large comes from the hub itself, behind a redirect to another path of it.
        let stored = format!("/api/resolve-cache/models/{MODEL}/{COMMIT}/");
        let resolve = format!("/{MODEL}/resolve/");
        if let Some(name) = request.path.strip_prefix(&stored) {
            let (content, _) = &self.files.lock().unwrap()[name];
            let etag = format!("\"{}\"", &sha256(content)[..40]);
            return Answer::new(200, &[("ETag", &etag), ("X-Repo-Commit", COMMIT)], &**content);
        }
        if request.path.starts_with("/contents/") {
            return self.content(request);
        }
        let Some(rest) = request.path.strip_prefix(&resolve) else {
            return missing("RepoNotFound");
        };
        let (revision, name) = rest.split_once('/').unwrap();
        if revision != "main" && revision != COMMIT {
            return missing("RevisionNotFound");
        }
        let files = self.files.lock().unwrap();
        let Some((content, large)) = files.get(name) else { return missing("EntryNotFound") };
        let sum = sha256(content);
        let (etag, length) = (format!("\"{sum}\""), content.len().to_string());
        let host = request.header("host").unwrap();
        let place = match large {
            true if self.own_contents.load(Ordering::Relaxed) => {
                format!("http://{host}/contents/{sum}")
            }
            true => format!("{contents}/{sum}?signature=1"),
            false => format!("{stored}{name}"),
        };
        let mut headers = vec![("Location", &*place), ("X-Repo-Commit", COMMIT)];
        if *large {
            headers.extend([("X-Linked-Etag", &*etag), ("X-Linked-Size", &*length)]);
        }
        Answer::new(if *large { 302 } else { 307 }, &headers, "elsewhere")
    }

    fn content(&self, request: &Request) -> Answer {
        let sum = request.path.rsplit('/').next().unwrap().split('?').next().unwrap();
        let files = self.files.lock().unwrap();
        let Some((content, _)) = files.values().find(|(content, _)| sha256(content) == sum) else {
            return Answer::new(404, &[], "no such content");
        };
        let mut content = content.clone();
        let fault = self.faults.lock().unwrap().pop_front();
        if let Some(Fault::Altered(at)) = fault {
            content[at] ^= 1;
        }
        let start = request.header("range").and_then(|range| {
            range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok()
        });
        let start = start.filter(|_| !matches!(fault, Some(Fault::NoRanges)));
        let size = content.len();
        let mut answer = match start {
            Some(start) if start >= size => Answer::new(416, &[], "no such range"),
            Some(start) => {
                let range = format!("bytes {start}-{}/{size}", size - 1);
                Answer::new(206, &[("Content-Range", &range)], &content[start..])
            }
            None => Answer::new(200, &[], content),
        };
        match fault {
            Some(Fault::Sent(sending)) => answer.sending = sending,
            Some(Fault::Answer(other)) => answer = other,
            _ => {}
        }
        answer
    }
}
