//! Reads plain text and JSON lines in segments.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Flow, Item, Segment, Walker};
use crate::prepare::cut::{Cut, Cutter, LONGEST};
use crate::prepare::fault::{Fault, Lost};
use crate::prepare::marker::{Documents, Next};
use crate::prepare::split::SplitAssignment;

/// The bytes of lines per item.
const LINES: usize = 1 << 20;

impl Walker<'_> {
    /// A text: one document, or several with a marker after each.
    pub(super) fn text(&mut self, origin: &Arc<str>, source: Box<dyn BufRead + '_>) -> Flow {
        let mut documents = Documents::new(source, self.marker);
        let mut place = (1, 1);
        let mut begins = true;
        loop {
            let Some(assignment) = self.document_of(origin, &mut documents, &mut place, begins)?
            else {
                return Flow::Continue(());
            };
            let tail = match documents.next() {
                Ok(Next::Document) => {
                    begins = false;
                    continue;
                }
                Ok(Next::Tail(tail)) => tail,
                Ok(Next::End) => return Flow::Continue(()),
                Err(error) => {
                    return self.fault(Fault::unreadable(&**origin, &error, Lost::RestOfFile));
                }
            };
            if assignment == SplitAssignment::NotSampled {
                return Flow::Continue(());
            }
            return (self.emit)(Item::Segment(Segment {
                origin: origin.clone(),
                line: place.0,
                column: place.1,
                first: false,
                last: false,
                marked: false,
                assignment: Some(assignment),
                bytes: tail,
            }));
        }
    }

    /// One document. Returns its assignment, or `None` if the rest of the text cannot be read.
    ///
    /// place: the line and the column of its start, then of its end. begins: whether it is the
    /// first of the text.
    fn document_of<R: Read>(
        &mut self,
        origin: &Arc<str>,
        source: &mut Documents<'_, R>,
        place: &mut (u64, u64),
        begins: bool,
    ) -> ControlFlow<(), Option<SplitAssignment>> {
        let mut cutter = Cutter::new(source);
        let (mut line, mut column) = *place;
        let mut first = true;
        let mut assignment = None;
        loop {
            let lost = if first { Lost::Document } else { Lost::RestOfFile };
            let (bytes, last) = match cutter.next() {
                Ok(Cut::Segment(bytes)) => (bytes, false),
                Ok(Cut::Last(bytes)) => (bytes, true),
                Ok(Cut::Endless) => {
                    let place = format!("{origin}:{line}");
                    let problem = format!("{LONGEST} bytes without white space between words");
                    let fault = Fault::new(place, problem, "check that the file is text", lost);
                    (self.emit)(Item::Fault { fault, open: assignment })?;
                    return ControlFlow::Continue(None);
                }
                Err(error) => {
                    let fault = Fault::unreadable(&**origin, &error, lost);
                    (self.emit)(Item::Fault { fault, open: assignment })?;
                    return ControlFlow::Continue(None);
                }
            };
            let marked = last && cutter.source().marked();
            if first && (!last || marked) {
                assignment = Some(self.rule.assign(&bytes));
            }
            let (begins_line, begins_column) = (line, column);
            line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
            let tail = memchr::memrchr(b'\n', &bytes).map(|at| &bytes[at + 1..]);
            let characters = |bytes: &[u8]| bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count();
            column = match tail {
                Some(tail) => 1 + characters(tail) as u64,
                None => column + characters(&bytes) as u64,
            };
            // A document that is not sampled is still read to its end, to find the next.
            if first || assignment != Some(SplitAssignment::NotSampled) {
                (self.emit)(Item::Segment(Segment {
                    origin: origin.clone(),
                    line: begins_line,
                    column: begins_column,
                    // A marker at the very start ends no document.
                    first: first && !(begins && marked && bytes.is_empty()),
                    last,
                    marked,
                    assignment,
                    bytes,
                }))?;
            }
            if last {
                let marker = self.marker.filter(|_| marked).unwrap_or_default();
                *place = (line, column + marker.chars().count() as u64);
                return ControlFlow::Continue(Some(assignment.unwrap_or(SplitAssignment::Train)));
            }
            first = false;
        }
    }

    /// One document per line.
    pub(super) fn lines(&mut self, origin: &Arc<str>, mut source: Box<dyn BufRead + '_>) -> Flow {
        let mut rest: Vec<u8> = Vec::new();
        let mut line = 1;
        loop {
            let missing = LINES.max(2 * rest.len()) - rest.len();
            let read = (&mut source).take(missing as u64).read_to_end(&mut rest);
            let ended = match read {
                Ok(read) => read < missing,
                Err(error) => {
                    // The lines before the fault are complete, except the last.
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
}

/// Skips the rest of a line.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::kind::Format;

    fn items(walk: impl FnOnce(&mut Walker<'_>) -> Flow) -> Vec<Item> {
        crate::prepare::walk::tests::items(Format::Auto, walk)
    }

    #[test]
    fn the_segments_of_a_long_document_have_positions_and_one_assignment() {
        for text in ["été and\n語 so ".repeat(60_000), "one long línea ".repeat(60_000)] {
            let items = items(|walker| walker.text(&"t".into(), Box::new(text.as_bytes())));
            assert!(items.len() > 3);
            let (mut before, mut assignments) = (String::new(), Vec::new());
            for (number, item) in items.iter().enumerate() {
                let Item::Segment(segment) = item else { panic!("{item:?}") };
                assert_eq!(segment.first, number == 0);
                assert_eq!(segment.last, number + 1 == items.len());
                let line = 1 + before.matches('\n').count() as u64;
                let column = 1 + before.rsplit('\n').next().unwrap().chars().count() as u64;
                assert_eq!((segment.line, segment.column), (line, column));
                before.push_str(std::str::from_utf8(&segment.bytes).unwrap());
                assignments.push(segment.assignment.unwrap());
            }
            assert_eq!(before, text);
            assert!(assignments.iter().all(|assignment| *assignment == assignments[0]));
        }
    }

    #[test]
    fn lines_are_complete_and_numbered() {
        let text: String = (1..400_000).map(|n| format!("line {n}\n")).collect();
        let items = items(|walker| walker.lines(&"t".into(), Box::new(text.as_bytes())));
        assert!(items.len() > 3);
        let mut joined = Vec::new();
        for item in items {
            let Item::Lines { line, bytes, .. } = item else { panic!("{item:?}") };
            assert!(bytes.starts_with(format!("line {line}\n").as_bytes()));
            joined.extend(bytes);
        }
        assert!(joined == text.as_bytes());
    }

    #[test]
    fn an_endless_line_is_skipped_and_the_next_one_is_found() {
        let endless = io::repeat(b'x').take(2 * LONGEST as u64 + (3 << 20));
        let source = b"{}\n".chain(endless).chain(&b"\n{\"text\": \"y\"}"[..]);
        let items = items(|walker| walker.lines(&"t".into(), Box::new(io::BufReader::new(source))));
        let shown: Vec<String> = items
            .iter()
            .map(|item| match item {
                Item::Lines { line, bytes, .. } => format!("{line} {}", bytes.len()),
                Item::Fault { fault, .. } => fault.place.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(shown, ["1 3", "t:2", "3 13"]);
    }
}
