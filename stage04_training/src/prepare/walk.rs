//! Finding documents in files: archives are opened, compressed files decompressed, to any depth.
//!
//! A [`Walker`] reads one file from its beginning to its end, never more than a piece of it at a
//! time, and hands out [`Item`]s in the order of the file. It does as little as it can: it
//! neither checks that text is UTF-8 nor parses JSON, because it runs on one thread, and the
//! workers that take the items run on all others. Small compressed files inside archives it does not even
//! open: the worker that gets them walks through them.

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

/// A compressed file up to this size is handed out whole, in bytes.
pub const WHOLE: u64 = 4 << 20;

/// Files in files in files: a file that holds itself must not be followed for ever.
const DEEPEST: usize = 16;

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
    /// A small compressed file, to be walked through by the worker that gets it.
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
        /// The assignment of the document that ends here, because its rest cannot be read.
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
    /// Whether the marker stands at its end.
    pub marked: bool,
    /// The assignment of a long document; a short one's is found by the worker that gets it.
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

    /// About how many bytes of memory it holds.
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

/// Whether to go on.
pub type Flow = ControlFlow<()>;

/// Reads files and hands out what is in them.
pub struct Walker<'a> {
    /// Takes the items; `Break` ends the walk.
    pub emit: &'a mut dyn FnMut(Item) -> Flow,
    /// The spelling that ends a document inside of a text.
    pub marker: Option<&'a str>,
    /// How documents are chosen, for long ones.
    pub rule: SplitRule,
    /// How files are read that are neither archives nor compressed.
    pub format: Format,
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
    /// How much may be kept in memory to unpack it, in bytes. Each compressed file inside another
    /// gets half as much, but what is usual, so that all of them together are bounded.
    window: u64,
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
                window: LARGEST_WINDOW,
            },
            source,
        )
    }

    /// Walks through a file that is in memory.
    pub fn bytes(&mut self, origin: Arc<str>, name: &str, named: bool, bytes: &[u8]) -> Flow {
        let size = Some(bytes.len() as u64);
        let window = LARGEST_WINDOW;
        let visit = Visit { origin, name, named, size, depth: 1, path: None, window };
        self.visit(visit, Box::new(bytes))
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

/// A file with nothing in it.
fn empty(origin: &str) -> Fault {
    let remedy = "fetch it again if it should not be, or take it away";
    Fault::new(origin, "the file is empty", remedy, Lost::Document)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::prepare::archives::{gzip, zstd};

    /// All that a walk hands out.
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

    /// What a file in memory holds, in short.
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
    fn what_is_packed_is_handed_out_whole_or_opened() {
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
    fn a_file_in_a_file_in_a_file_has_an_end() {
        let mut deep = b"text".to_vec();
        (0..DEEPEST + 5).for_each(|_| deep = gzip(&deep));
        let found = walk("a", true, &deep, false);
        assert_eq!(found, [format!("a: more than {DEEPEST} files inside each other")]);
    }

    #[test]
    fn whoever_has_enough_can_stop() {
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
