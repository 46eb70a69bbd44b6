//! Finding documents in files: archives are opened, compressed files decompressed, to any depth.
//!
//! A [`Walker`] reads one file from its beginning to its end, never more than a piece of it at a
//! time, and hands out [`Item`]s in the order of the file. It does as little as it can: it
//! neither checks that text is UTF-8 nor parses JSON, because it runs on one thread, and those
//! who take the items run on all others. Small compressed files inside archives it does not even
//! open: whoever gets them walks through them on a thread of their own.

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::cut::{Cut, Cutter, LONGEST};
use super::fate::{Choice, Fate};
use super::fault::{Fault, Lost};
use super::kind::{HEAD, Kind, inner_name, is_hidden, kind, suffix};

/// A compressed file up to this size is handed out whole, in bytes.
pub const WHOLE: u64 = 4 << 20;

/// How many bytes of lines are handed out at a time.
const LINES: usize = 1 << 20;

/// Files in files in files: a file that holds itself must not be followed for ever.
const DEEPEST: usize = 32;

/// Something found in a file.
#[derive(Debug)]
pub enum Item {
    /// A document, or a part of a long one.
    Segment(Segment),
    /// Whole lines of JSON.
    Lines {
        /// The file.
        origin: Arc<str>,
        /// The number of the first line, from 1.
        line: u64,
        /// The lines.
        bytes: Vec<u8>,
    },
    /// A small compressed file, to be walked through by whoever gets it.
    Whole {
        /// The file.
        origin: Arc<str>,
        /// Its name, which says what it may be.
        name: String,
        /// Whether the user named it.
        named: bool,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// Some rows of a Parquet file.
    #[cfg(feature = "parquet")]
    Rows {
        /// The file.
        path: std::path::PathBuf,
        /// Which of its row groups.
        group: usize,
        /// About how many bytes they have in the file.
        bytes: usize,
    },
    /// A file of unknown kind, by the end of its name.
    Ignored(String),
    /// What cannot be used.
    Fault {
        /// Where and why.
        fault: Fault,
        /// The fate of the document that ends here, because its rest cannot be read.
        open: Option<Fate>,
    },
}

/// A document, or a part of a long one, as bytes that should be UTF-8.
#[derive(Debug)]
pub struct Segment {
    /// The file.
    pub origin: Arc<str>,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The column at which it begins, in characters from 1.
    pub column: u64,
    /// Whether the document begins here.
    pub first: bool,
    /// Whether it ends here.
    pub last: bool,
    /// The fate of a long document; a short one's is found by whoever gets it.
    pub fate: Option<Fate>,
    /// The text.
    pub bytes: Vec<u8>,
}

impl Item {
    /// About how many bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Item::Segment(segment) => segment.bytes.len() + 128,
            Item::Lines { bytes, .. } | Item::Whole { bytes, .. } => bytes.len() + 128,
            #[cfg(feature = "parquet")]
            Item::Rows { bytes, .. } => *bytes,
            Item::Ignored(_) | Item::Fault { .. } => 128,
        }
    }
}

/// Whether to go on.
pub type Flow = ControlFlow<()>;

/// Reads files and hands out what is in them.
pub struct Walker<'a> {
    /// Takes the items; `Break` ends the walk.
    pub emit: &'a mut dyn FnMut(Item) -> Flow,
    /// How documents are chosen, for long ones.
    pub choice: Choice,
    /// Whether small compressed files are handed out whole.
    pub hand_out: bool,
}

/// A file on the way: what it is called, and how it came here.
struct Visit<'v> {
    /// The path through all archives, for people.
    origin: Arc<str>,
    /// Its name, which may say what it is.
    name: &'v str,
    /// Whether the user named it.
    named: bool,
    /// Its size in bytes, where it is known.
    size: Option<u64>,
    /// How many files it is inside of.
    depth: usize,
    /// Where it lies on the disk, if it does.
    path: Option<&'v Path>,
}

impl Walker<'_> {
    /// Walks through a file on the disk that was opened already.
    pub fn file(
        &mut self,
        path: &Path,
        source: Box<dyn BufRead + '_>,
        size: u64,
        named: bool,
    ) -> Flow {
        let shown = path.display().to_string();
        self.visit(
            Visit {
                origin: shown.as_str().into(),
                name: &shown,
                named,
                size: Some(size),
                depth: 0,
                path: Some(path),
            },
            source,
        )
    }

    /// Walks through a file that is in memory.
    pub fn bytes(&mut self, origin: Arc<str>, name: &str, named: bool, bytes: &[u8]) -> Flow {
        let size = Some(bytes.len() as u64);
        self.visit(Visit { origin, name, named, size, depth: 1, path: None }, Box::new(bytes))
    }

    /// Hands out a text that is no file.
    pub fn document(&mut self, origin: &str, source: Box<dyn BufRead + '_>) -> Flow {
        self.text(&origin.into(), source)
    }

    fn visit(&mut self, visit: Visit<'_>, mut source: Box<dyn BufRead + '_>) -> Flow {
        let mut head = Vec::with_capacity(HEAD);
        if let Err(error) = (&mut source).take(HEAD as u64).read_to_end(&mut head) {
            return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::Document));
        }
        if head.is_empty() {
            return self.fault(Fault::new(
                &*visit.origin,
                "the file is empty",
                "fetch it again if it should not be, or take it away",
                Lost::Document,
            ));
        }
        if visit.depth > DEEPEST {
            return self.fault(Fault::new(
                &*visit.origin,
                format!("more than {DEEPEST} files inside each other"),
                "unpack it first",
                Lost::RestOfFile,
            ));
        }
        let kind = kind(visit.name, &head, visit.named);
        let mut source: Box<dyn BufRead + '_> = Box::new(Cursor::new(head).chain(source));
        let packed = match kind {
            Kind::Compressed(_) => true,
            Kind::Tar => visit.depth > 0,
            _ => false,
        };
        if self.hand_out && packed && visit.size.is_some_and(|size| size <= WHOLE) {
            let mut bytes = Vec::with_capacity(visit.size.unwrap_or_default() as usize);
            if let Err(error) = source.read_to_end(&mut bytes) {
                return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile));
            }
            let Visit { origin, name, named, .. } = visit;
            return (self.emit)(Item::Whole { origin, name: name.into(), named, bytes });
        }
        let unusable = |problem: String, remedy: &str| {
            Fault::new(&*visit.origin, problem, remedy, Lost::Document)
        };
        match kind {
            Kind::Compressed(compression) => {
                let name = inner_name(visit.name);
                let inner =
                    Visit { name: &name, size: None, depth: visit.depth + 1, path: None, ..visit };
                self.visit(inner, compression.decode(source))
            }
            Kind::Tar => self.tar(&visit, source),
            Kind::Text => self.text(&visit.origin, source),
            Kind::Lines => self.lines(&visit.origin, source),
            Kind::Parquet => self.parquet(&visit),
            Kind::Unknown(suffix) => (self.emit)(Item::Ignored(suffix)),
            Kind::Unread(_) if !visit.named => (self.emit)(Item::Ignored(suffix(visit.name))),
            Kind::Unread(form) => {
                self.fault(unusable(format!("{form} is not read"), "unpack it first"))
            }
            Kind::Misnamed(form) => self.fault(unusable(
                format!("its name says {form}, but its content is something else"),
                "fetch it again, or give it its right name",
            )),
        }
    }

    fn fault(&mut self, fault: Fault) -> Flow {
        (self.emit)(Item::Fault { fault, open: None })
    }

    /// One document.
    fn text(&mut self, origin: &Arc<str>, source: Box<dyn BufRead + '_>) -> Flow {
        let mut cutter = Cutter::new(source);
        let (mut line, mut column, mut first) = (1, 1, true);
        let mut fate = None;
        loop {
            let lost = if first { Lost::Document } else { Lost::RestOfFile };
            let (bytes, last) = match cutter.next() {
                Ok(Cut::Segment(bytes)) => (bytes, false),
                Ok(Cut::Last(bytes)) => (bytes, true),
                Ok(Cut::Endless) => {
                    let place = format!("{origin}:{line}");
                    let problem = format!("{LONGEST} bytes without white space between words");
                    let fault = Fault::new(place, problem, "check that the file is text", lost);
                    return (self.emit)(Item::Fault { fault, open: fate });
                }
                Err(error) => {
                    let fault = Fault::unreadable(&**origin, &error, lost);
                    return (self.emit)(Item::Fault { fault, open: fate });
                }
            };
            if first && !last {
                fate = Some(self.choice.fate(&bytes));
            }
            // What is not sampled is read to its end all the same: it must be whole.
            if first || fate != Some(Fate::NotSampled) {
                let (begins, column_before) = (line, column);
                line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
                let tail = memchr::memrchr(b'\n', &bytes).map(|at| &bytes[at + 1..]);
                let characters = |bytes: &[u8]| bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count();
                column = match tail {
                    _ if last => 1,
                    Some(tail) => 1 + characters(tail) as u64,
                    None => column + characters(&bytes) as u64,
                };
                (self.emit)(Item::Segment(Segment {
                    origin: origin.clone(),
                    line: begins,
                    column: column_before,
                    first,
                    last,
                    fate,
                    bytes,
                }))?;
            }
            if last {
                return Flow::Continue(());
            }
            first = false;
        }
    }

    /// A document a line.
    fn lines(&mut self, origin: &Arc<str>, mut source: Box<dyn BufRead + '_>) -> Flow {
        let mut rest: Vec<u8> = Vec::new();
        let mut line = 1;
        loop {
            let missing = LINES.max(2 * rest.len()) - rest.len();
            let read = (&mut source).take(missing as u64).read_to_end(&mut rest);
            let ended = match read {
                Ok(read) => read < missing,
                Err(error) => {
                    // The lines before the fault are whole, but for the last one.
                    if let Some(end) = memchr::memrchr(b'\n', &rest) {
                        rest.truncate(end + 1);
                        let bytes = std::mem::take(&mut rest);
                        (self.emit)(Item::Lines { origin: origin.clone(), line, bytes })?;
                    }
                    return self.fault(Fault::unreadable(&**origin, &error, Lost::RestOfFile));
                }
            };
            let end = if ended {
                Some(rest.len())
            } else {
                memchr::memrchr(b'\n', &rest).map(|at| at + 1)
            };
            match end {
                Some(end) => {
                    let after = rest.split_off(end);
                    let bytes = std::mem::replace(&mut rest, after);
                    let count = memchr::memchr_iter(b'\n', &bytes).count() as u64;
                    if !bytes.is_empty() {
                        (self.emit)(Item::Lines { origin: origin.clone(), line, bytes })?;
                    }
                    line += count;
                }
                None if rest.len() > LONGEST => {
                    self.fault(Fault::new(
                        format!("{origin}:{line}"),
                        format!("a line of more than {LONGEST} bytes"),
                        "check that each line is one JSON object",
                        Lost::Document,
                    ))?;
                    rest.clear();
                    if let Err(error) = skip_line(&mut source) {
                        return self.fault(Fault::unreadable(&**origin, &error, Lost::RestOfFile));
                    }
                    line += 1;
                }
                None => {}
            }
            if ended {
                return Flow::Continue(());
            }
        }
    }

    /// An archive: one file after another, each with its length in front.
    fn tar(&mut self, visit: &Visit<'_>, source: Box<dyn BufRead + '_>) -> Flow {
        let ended = Cell::new(false);
        let mut archive = tar::Archive::new(Watched { source, ended: &ended });
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => {
                return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile));
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let kind =
                        if ended.get() { io::ErrorKind::UnexpectedEof } else { error.kind() };
                    let error = io::Error::new(kind, error);
                    return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile));
                }
            };
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let form = entry.header().entry_type();
            if form.is_dir() || form.is_pax_global_extensions() {
                continue;
            }
            if !(form.is_file() || form.is_contiguous() || form.is_gnu_sparse()) {
                (self.emit)(Item::Ignored("(link or device)".into()))?;
                continue;
            }
            if is_hidden(&name) {
                (self.emit)(Item::Ignored("(hidden)".into()))?;
                continue;
            }
            let size = entry.size();
            let inner = Visit {
                origin: format!("{}!{name}", visit.origin).into(),
                name: &name,
                named: false,
                size: Some(size),
                depth: visit.depth + 1,
                path: None,
            };
            let whole = Whole { source: entry, missing: size };
            self.visit(inner, Box::new(io::BufReader::with_capacity(1 << 14, whole)))?;
        }
        // Two empty blocks end an archive, and nothing but zeros may follow.
        let mut rest = archive.into_inner();
        let problem =
            if ended.get() { Ok(Some("its end is missing")) } else { only_zeros(&mut rest) };
        match problem {
            Ok(None) => Flow::Continue(()),
            Ok(Some(problem)) => self.fault(Fault::new(
                &*visit.origin,
                problem,
                "the archive may have been cut short or joined to another: fetch it again",
                Lost::RestOfFile,
            )),
            Err(error) => self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile)),
        }
    }

    #[cfg(feature = "parquet")]
    fn parquet(&mut self, visit: &Visit<'_>) -> Flow {
        let Some(path) = visit.path else {
            return self.fault(Fault::new(
                &*visit.origin,
                "a Parquet file inside another file",
                "unpack it first: its index stands at its end",
                Lost::Document,
            ));
        };
        match super::parquet::row_groups(path) {
            Ok(groups) => groups.into_iter().enumerate().try_for_each(|(group, bytes)| {
                (self.emit)(Item::Rows { path: path.into(), group, bytes })
            }),
            Err(fault) => self.fault(fault),
        }
    }

    #[cfg(not(feature = "parquet"))]
    fn parquet(&mut self, visit: &Visit<'_>) -> Flow {
        let _ = visit.path;
        self.fault(Fault::new(
            &*visit.origin,
            "a Parquet file, and this program was built without Parquet",
            "build it with `--features parquet`",
            Lost::Document,
        ))
    }
}

/// Reads to the end of a line.
fn skip_line(source: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = source.fill_buf()?;
        let (length, found) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        source.consume(length);
        if found {
            return Ok(());
        }
    }
}

/// Reads to the end, and says what is wrong if there is anything but zeros.
fn only_zeros(source: &mut impl Read) -> io::Result<Option<&'static str>> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(read) if buffer[..read].iter().all(|&byte| byte == 0) => {}
            Ok(_) => return Ok(Some("something stands behind its end")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A source that remembers whether it was read to its end.
struct Watched<'e, R> {
    source: R,
    ended: &'e Cell<bool>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.ended.set(self.ended.get() || read == 0 && !buffer.is_empty());
        Ok(read)
    }
}

/// A file of known length: its end before that is an error.
struct Whole<R> {
    source: R,
    missing: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        if read == 0 && self.missing > 0 && !buffer.is_empty() {
            let text = format!("{} bytes are missing", self.missing);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.missing = self.missing.saturating_sub(read as u64);
        Ok(read)
    }
}
