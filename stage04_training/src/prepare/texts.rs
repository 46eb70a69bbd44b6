//! Turns items into texts: checks UTF-8, parses JSON, opens small archives.
//!
//! This half of the reading runs on all threads. A [`Digest`] takes the texts, to count or to
//! encode them.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::cut::segments;
use super::fault::{Fault, Lost};
use super::jsonl;
use super::kind::Format;
use super::marker::documents;
use super::split::{SplitAssignment, SplitRule};
use super::walk::{Flow, Item, Segment, Walker};

/// A document, or a part of a long one.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The text; empty only for an empty document.
    pub text: &'a str,
    /// Whether the document begins here.
    pub first: bool,
    /// Whether it ends here.
    pub last: bool,
    /// The part of the data it belongs to.
    pub assignment: SplitAssignment,
    /// Its origin, for faults.
    pub place: Place<'a>,
}

/// The start of a text in its file.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The file.
    pub origin: &'a str,
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1, for plain text; `None` for a text inside JSON, whose
    /// columns are not those of the file.
    pub column: Option<u64>,
}

/// Processes the texts of a job, in order.
pub trait Digest {
    /// A chunk of the result.
    type Chunk: Send;

    /// Takes a text, or returns the fault that prevents it.
    fn text(&mut self, text: Text<'_>) -> Result<(), Fault>;

    /// Ends a document of this assignment whose last part was lost.
    fn end(&mut self, assignment: SplitAssignment);

    /// Takes a note: anything that is not a text.
    fn note(&mut self, note: Note);

    /// The present chunk, if it is large enough to be sent before the job is finished.
    fn full(&mut self) -> Option<Self::Chunk>;

    /// The last chunk.
    fn rest(&mut self) -> Self::Chunk;
}

/// Anything found in the inputs that is not a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A fault.
    Fault(Fault),
    /// A file of unknown type, with its suffix.
    Ignored(String),
    /// A document that `--sample` leaves out.
    NotSampled,
    /// An empty document.
    Empty,
    /// A marker, which ended a document of this assignment.
    Marker(SplitAssignment),
}

/// Turns items into texts for a digest.
pub struct Texts<'a, D: Digest> {
    /// Takes the texts.
    pub digest: D,
    /// The field of a JSON object, or the column of a table, that has the text.
    pub field: &'a str,
    /// How files are read that are neither archives nor compressed.
    pub format: Format,
    /// The spelling that ends a document inside of a text.
    pub marker: Option<&'a str>,
    /// How documents are chosen.
    pub rule: SplitRule,
    /// Takes chunks of results before the last.
    pub send: &'a mut dyn FnMut(D::Chunk) -> Flow,
}

impl<D: Digest> Texts<'_, D> {
    /// Processes an item.
    pub fn item(&mut self, item: Item) -> Flow {
        match item {
            Item::Segment(segment) => self.segment(&segment),
            Item::Lines { origin, line, bytes } => return self.lines(&origin, line, &bytes),
            Item::Whole { origin, name, named, bytes } => {
                let (rule, format, marker) = (self.rule, self.format, self.marker);
                let mut emit = |item| self.item(item);
                return Walker { emit: &mut emit, marker, rule, format, hand_out: false }
                    .bytes(origin, &name, named, &bytes);
            }
            #[cfg(feature = "parquet")]
            Item::Rows { path, group, .. } => return self.rows(&path, group),
            Item::Ignored(suffix) => self.digest.note(Note::Ignored(suffix)),
            Item::Fault { fault, open } => {
                self.digest.note(Note::Fault(fault));
                if let Some(assignment) =
                    open.filter(|&assignment| assignment != SplitAssignment::NotSampled)
                {
                    self.digest.end(assignment);
                }
            }
        }
        self.pass_on()
    }

    /// Sends the present chunk of the digest, if it is large enough.
    fn pass_on(&mut self) -> Flow {
        match self.digest.full() {
            Some(chunk) => (self.send)(chunk),
            None => ControlFlow::Continue(()),
        }
    }

    fn segment(&mut self, segment: &Segment) {
        let Segment { origin, line, column, first, last, marked, assignment, bytes } = segment;
        if bytes.is_empty() {
            // Between two adjacent markers, or before one at the very start, which starts no
            // document.
            if *first {
                self.digest.note(Note::Empty);
            }
            if *marked {
                self.digest.note(Note::Marker(assignment.unwrap_or(SplitAssignment::Train)));
            }
            return;
        }
        let assignment = assignment.unwrap_or_else(|| self.rule.assign(bytes));
        if assignment == SplitAssignment::NotSampled {
            return self.digest.note(Note::NotSampled);
        }
        let lost = if *first && *last { Lost::Document } else { Lost::PartOfDocument };
        let place = Place { origin, line: *line, column: Some(*column) };
        let taken = match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.digest.text(Text { text, first: *first, last: *last, assignment, place })
            }
            Err(_) => Err(Fault::not_utf8(origin, *line, bytes, lost)),
        };
        if let Err(mut fault) = taken {
            fault.lost = lost;
            self.digest.note(Note::Fault(fault));
            if *last && !*first {
                self.digest.end(assignment);
            }
        }
        if *marked {
            self.digest.note(Note::Marker(assignment));
        }
    }

    fn lines(&mut self, origin: &Arc<str>, first_line: u64, bytes: &[u8]) -> Flow {
        for (line, row) in (first_line..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
            if row.trim_ascii().is_empty() {
                continue;
            }
            let place = Place { origin, line, column: None };
            match std::str::from_utf8(row) {
                Err(_) => {
                    let fault = Fault::not_utf8(origin, line, row, Lost::Document);
                    self.digest.note(Note::Fault(fault));
                }
                Ok(row) => match jsonl::field(row, self.field) {
                    Ok(text) => self.row(&text, place),
                    Err((problem, remedy)) => {
                        let place = format!("{origin}:{line}");
                        let fault = Fault::new(place, problem, remedy, Lost::Document);
                        self.digest.note(Note::Fault(fault));
                    }
                },
            }
            self.pass_on()?;
        }
        ControlFlow::Continue(())
    }

    /// The rows of a Parquet file. A row counts as a line.
    #[cfg(feature = "parquet")]
    fn rows(&mut self, path: &std::path::Path, group: usize) -> Flow {
        let origin = path.display().to_string();
        let field = self.field;
        super::parquet::read(path, group, field, &mut |row, text| {
            match text {
                Ok(text) => self.row(text, Place { origin: &origin, line: row, column: None }),
                Err(fault) => self.digest.note(Note::Fault(fault)),
            }
            self.pass_on()
        })
    }

    /// A text in memory: one document, or several with a marker after each.
    fn row(&mut self, text: &str, place: Place<'_>) {
        let (documents, tail) = documents(text, self.marker);
        let mut assignment = SplitAssignment::Train;
        for (number, &(document, marked)) in documents.iter().enumerate() {
            if !document.is_empty() || number > 0 || documents.len() == 1 {
                assignment = self.document(document, place);
            }
            if marked {
                self.digest.note(Note::Marker(assignment));
            }
        }
        if !tail.is_empty() && assignment != SplitAssignment::NotSampled {
            let text = Text { text: tail, first: false, last: false, assignment, place };
            if let Err(fault) = self.digest.text(text) {
                self.digest.note(Note::Fault(fault));
            }
        }
    }

    /// A document in memory.
    fn document(&mut self, text: &str, place: Place<'_>) -> SplitAssignment {
        if text.is_empty() {
            self.digest.note(Note::Empty);
            return SplitAssignment::Train;
        }
        let assignment = self.rule.assign(text.as_bytes());
        if assignment == SplitAssignment::NotSampled {
            self.digest.note(Note::NotSampled);
            return assignment;
        }
        let segments = segments(text);
        let count = segments.len();
        for (number, text) in segments.into_iter().enumerate() {
            let (first, last) = (number == 0, number + 1 == count);
            if let Err(mut fault) = self.digest.text(Text { text, first, last, assignment, place })
            {
                fault.lost = if count == 1 { Lost::Document } else { Lost::PartOfDocument };
                self.digest.note(Note::Fault(fault));
                if last && !first {
                    self.digest.end(assignment);
                }
            }
        }
        assignment
    }
}
