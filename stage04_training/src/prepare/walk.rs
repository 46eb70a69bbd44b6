//! Finds documents in files: opens archives and decompresses files, at any depth.
//!
//! A [`Walker`] reads one file from start to end, with only a part of it in memory, and emits
//! [`Item`]s in the order of the file. It does as little as possible, because it runs on one thread
//! and the workers run on all others: it neither checks UTF-8 nor parses JSON. Small compressed
//! files inside archives are emitted unopened, for a worker to walk through.

mod archive;
mod documents;
mod values;

use std::io::{BufRead, Cursor, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use stage01_bigram::form::BYTE_ORDER_MARK;

use super::decode::{LARGEST_WINDOW, USUAL_WINDOW};
use super::fault::{Fault, Lost};
use super::kind::{Format, HEAD, Kind, inner_name, kind};
use super::split::{SplitAssignment, SplitRule};

/// A compressed file of at most this many bytes is emitted unopened.
pub const WHOLE: u64 = 4 << 20;

/// The deepest nesting of files: a file that contains itself must not be followed for ever.
const DEEPEST: usize = 16;

/// A part of a file.
#[derive(Debug)]
pub enum Item {
    /// A document, or a part of a long one.
    Segment(Segment),
    /// Complete lines of JSON.
    Lines {
        /// The file.
        origin: Arc<str>,
        /// The number of the first line, from 1.
        line: u64,
        /// The lines.
        bytes: Vec<u8>,
    },
    /// A small compressed file, for a worker to walk through.
    Whole {
        /// The file.
        origin: Arc<str>,
        /// Its name, which may tell its type.
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
        /// The number of the row group.
        group: usize,
        /// Their approximate size in the file, in bytes.
        bytes: usize,
    },
    /// A file of unknown type, with its suffix.
    Ignored(String),
    /// A fault.
    Fault {
        /// The fault.
        fault: Fault,
        /// The assignment of the document that the fault cuts short, if any.
        open: Option<SplitAssignment>,
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
    /// Whether a marker follows it.
    pub marked: bool,
    /// The assignment of a long document; a worker computes that of a short one.
    pub assignment: Option<SplitAssignment>,
    /// The text.
    pub bytes: Vec<u8>,
}

impl Item {
    /// Whether it must be opened or decompressed before it is text.
    pub fn is_packed(&self) -> bool {
        match self {
            Item::Whole { .. } => true,
            #[cfg(feature = "parquet")]
            Item::Rows { .. } => true,
            _ => false,
        }
    }

    /// Its approximate memory in bytes.
    pub fn bytes(&self) -> usize {
        let held = match self {
            Item::Segment(segment) => segment.bytes.len() + segment.origin.len(),
            Item::Lines { bytes, origin, .. } | Item::Whole { bytes, origin, .. } => {
                bytes.len() + origin.len()
            }
            #[cfg(feature = "parquet")]
            Item::Rows { bytes, .. } => *bytes,
            Item::Ignored(_) => 0,
            Item::Fault { fault, .. } => fault.place.len() + fault.problem.len(),
        };
        held + 128
    }
}

/// Whether to continue.
pub type Flow = ControlFlow<()>;

/// Reads files and emits their items.
pub struct Walker<'a> {
    /// Takes the items; `Break` ends the walk.
    pub emit: &'a mut dyn FnMut(Item) -> Flow,
    /// The spelling that ends a document inside of a text.
    pub marker: Option<&'a str>,
    /// The rule that assigns long documents.
    pub rule: SplitRule,
    /// How files are read that are neither archives nor compressed.
    pub format: Format,
    /// Whether small compressed files are emitted unopened.
    pub hand_out: bool,
}

/// A file to be read.
struct Visit<'v> {
    /// The path through all archives, for messages.
    origin: Arc<str>,
    /// Its name, which may tell its type.
    name: &'v str,
    /// Whether the user named it.
    named: bool,
    /// Its size in bytes, if known.
    size: Option<u64>,
    /// The number of files it is inside of.
    depth: usize,
    /// Its path, if it is a file on the disk.
    path: Option<&'v Path>,
    /// The largest window for its decompression, in bytes. It halves with each nesting, down to the
    /// usual window, so that the sum is bounded.
    window: u64,
}

impl Walker<'_> {
    /// Walks through a file on the disk that is already open.
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
                window: LARGEST_WINDOW,
            },
            source,
        )
    }

    /// Walks through a file in memory.
    pub fn bytes(&mut self, origin: Arc<str>, name: &str, named: bool, bytes: &[u8]) -> Flow {
        let size = Some(bytes.len() as u64);
        let window = LARGEST_WINDOW;
        let visit = Visit { origin, name, named, size, depth: 1, path: None, window };
        self.visit(visit, Box::new(bytes))
    }

    /// Emits the documents of a text that is not a file.
    pub fn document(&mut self, origin: &str, source: Box<dyn BufRead + '_>) -> Flow {
        self.text(&origin.into(), source)
    }

    fn visit(&mut self, visit: Visit<'_>, mut source: Box<dyn BufRead + '_>) -> Flow {
        let mut head = Vec::with_capacity(HEAD);
        if let Err(error) = (&mut source).take(HEAD as u64).read_to_end(&mut head) {
            return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::Document));
        }
        if head.is_empty() {
            return self.fault(empty(&visit.origin));
        }
        if visit.depth > DEEPEST {
            return self.fault(Fault::new(
                &*visit.origin,
                format!("more than {DEEPEST} files inside each other"),
                "unpack it first",
                Lost::RestOfFile,
            ));
        }
        let kind = kind(visit.name, &head, visit.named, self.format);
        let is_text = matches!(kind, Kind::Text | Kind::Lines | Kind::Values);
        if is_text && head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        if head.is_empty() {
            return self.fault(empty(&visit.origin));
        }
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
                let depth = visit.depth + 1;
                let window = (visit.window / 2).max(USUAL_WINDOW);
                let source = compression.decode(source, visit.window);
                self.visit(
                    Visit { name: &name, size: None, depth, path: None, window, ..visit },
                    source,
                )
            }
            Kind::Tar => self.tar(&visit, source),
            Kind::Text => self.text(&visit.origin, source),
            Kind::Lines => self.lines(&visit.origin, source),
            Kind::Values => self.values(&visit.origin, source),
            Kind::Parquet => self.parquet(&visit),
            Kind::Unknown(suffix) => (self.emit)(Item::Ignored(suffix)),
            Kind::Unread(form) => {
                self.fault(unusable(format!("it is {form}, which is not read"), form.remedy))
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

    #[cfg(feature = "parquet")]
    fn parquet(&mut self, visit: &Visit<'_>) -> Flow {
        let Some(path) = visit.path else {
            return self.fault(Fault::new(
                &*visit.origin,
                "a Parquet file inside another file",
                "unpack it first, because its index is at its end",
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

/// The fault for an empty file.
fn empty(origin: &str) -> Fault {
    let remedy = "fetch it again, or remove it";
    Fault::new(origin, "the file is empty", remedy, Lost::Document)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::prepare::archives::{gzip, zstd};

    /// All items of a walk.
    pub(crate) fn items(format: Format, walk: impl FnOnce(&mut Walker<'_>) -> Flow) -> Vec<Item> {
        let mut items = Vec::new();
        let mut emit = |item| {
            items.push(item);
            Flow::Continue(())
        };
        let rule = SplitRule { sample: 1.0, validation: 0.5 };
        let ended =
            walk(&mut Walker { emit: &mut emit, marker: None, rule, format, hand_out: true });
        assert!(ended.is_continue());
        items
    }

    /// A summary of the items of a file in memory.
    fn walk(name: &str, named: bool, bytes: &[u8], hand_out: bool) -> Vec<String> {
        let mut found = Vec::new();
        let mut emit = |item| {
            found.push(match item {
                Item::Segment(Segment { origin, bytes, .. }) => {
                    format!("{origin}: {}", String::from_utf8_lossy(&bytes))
                }
                Item::Ignored(suffix) => format!("ignored {suffix}"),
                Item::Whole { origin, .. } => format!("whole {origin}"),
                Item::Fault { fault, .. } => fault.line(),
                other => format!("{other:?}"),
            });
            Flow::Continue(())
        };
        let rule = SplitRule { sample: 1.0, validation: 0.0 };
        let format = Format::Auto;
        let mut walker = Walker { emit: &mut emit, marker: None, rule, format, hand_out };
        assert!(walker.bytes("a".into(), name, named, bytes).is_continue());
        found
    }

    #[test]
    fn a_compressed_file_is_emitted_unopened_or_opened() {
        let packed = zstd(&gzip(b"text"));
        assert_eq!(walk("a.txt", true, &packed, true), ["whole a"]);
        assert_eq!(walk("a.txt", true, &packed, false), ["a: text"]);
        assert_eq!(walk("a.md.gz.zst", false, &packed, false), ["ignored .md"]);
        assert_eq!(walk("a.zip", false, b"PK\x03\x04", false), ["ignored .zip"]);
        assert_eq!(
            walk("a.zip", true, b"PK\x03\x04", false),
            ["a: it is a zip archive, or a document of Word or LibreOffice, which is not read"]
        );
    }

    #[test]
    fn nesting_has_a_limit() {
        let mut deep = b"text".to_vec();
        (0..DEEPEST + 5).for_each(|_| deep = gzip(&deep));
        let found = walk("a", true, &deep, false);
        assert_eq!(found, [format!("a: more than {DEEPEST} files inside each other")]);
    }

    #[test]
    fn a_caller_can_end_the_walk() {
        let mut count = 0;
        let mut emit = |_| {
            count += 1;
            if count == 2 { Flow::Break(()) } else { Flow::Continue(()) }
        };
        let rule = SplitRule { sample: 1.0, validation: 0.0 };
        let format = Format::Auto;
        let mut walker = Walker { emit: &mut emit, marker: None, rule, format, hand_out: true };
        let text = "so many words ".repeat(200_000);
        assert!(walker.bytes("a".into(), "a.txt", true, text.as_bytes()).is_break());
        assert_eq!(count, 2);
    }
}
