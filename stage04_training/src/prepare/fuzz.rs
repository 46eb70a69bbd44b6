//! The readers alone, for tests that throw anything at them: bytes as a file of some name.
//!
//! A target of a fuzzer can call [`documents`]. It has no place in the program.

use std::ops::ControlFlow;

use super::fate::{Choice, Fate};
use super::fault::Fault;
use super::kind::Format;
use super::texts::{Digest, Note, Text, Texts};
use super::walk::{Flow, Item, Walker};

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its documents, as far as they could be read.
    pub documents: Vec<String>,
    /// What could not be used, each in one line.
    pub faults: Vec<String>,
    /// How many files and documents were passed over: of unknown kind, or empty.
    pub passed_over: u64,
    /// Whether there was more than was asked for.
    pub more: bool,
}

/// All documents of a file that is in memory, up to so many bytes of text and as many faults.
///
/// hand_out: whether what is packed goes through the hands of a second walker, as in the program.
pub fn documents(name: &str, bytes: &[u8], most: usize, hand_out: bool) -> Found {
    read(name, bytes, most, Format::Auto, hand_out, "text")
}

/// [`documents`], with a format and the name of a field.
pub fn read(
    name: &str,
    bytes: &[u8],
    most: usize,
    format: Format,
    hand_out: bool,
    field: &str,
) -> Found {
    let choice = Choice { sample: 1.0, validation: 0.0 };
    let mut found = Found::default();
    let mut send = |piece: Found| {
        found.add(piece);
        let held: usize = found.documents.iter().map(String::len).sum();
        found.more = held > most || found.faults.len() > most;
        if found.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let collector = Collector::default();
    let mut texts = Texts { digest: collector, field, format, choice, send: &mut send };
    let mut emit = |item: Item| -> Flow { texts.item(item) };
    let mut walker = Walker { emit: &mut emit, choice, format, hand_out };
    let _ = walker.bytes("file".into(), name, true, bytes);
    let rest = texts.digest.rest();
    let _ = send(rest);
    found
}

impl Found {
    fn add(&mut self, piece: Found) {
        self.documents.extend(piece.documents);
        self.faults.extend(piece.faults);
        self.passed_over += piece.passed_over;
    }
}

/// Collects texts.
#[derive(Default)]
struct Collector {
    found: Found,
    open: String,
}

impl Digest for Collector {
    type Chunk = Found;

    fn text(&mut self, text: Text<'_>) -> Result<(), Fault> {
        self.open.push_str(text.text);
        if text.last {
            self.end(text.fate);
        }
        Ok(())
    }

    fn end(&mut self, _: Fate) {
        self.found.documents.push(std::mem::take(&mut self.open));
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Fault(fault) => self.found.faults.push(fault.line()),
            Note::Ignored(_) | Note::Empty | Note::NotSampled => self.found.passed_over += 1,
        }
    }

    fn full(&mut self) -> Option<Found> {
        // A document without an end counts, too.
        if self.open.len() > 1 << 22 {
            self.end(Fate::Train);
        }
        Some(std::mem::take(&mut self.found))
    }

    fn rest(&mut self) -> Found {
        if !self.open.is_empty() {
            self.end(Fate::Train);
        }
        std::mem::take(&mut self.found)
    }
}
