//! Documents inside of a text: where the end-of-text token is spelled, one document ends.
//!
//! Many data sets are one file of text in which `<|endoftext|>` stands between the documents
//! (TinyStories is such a file). A text is cut there before anything else is done with it, so
//! these documents count as documents: each is for training or for validation as a whole, `--sample` chooses
//! among them, and each gets its end-of-text token once.
//!
//! White space that remains after the last marker, most often one line break, is no document.
//! It stays where it is, as the tail of the one before it.
//!
//! What this file leaves out: which spelling is the marker (`special`).

use std::io::{self, Read};

use memchr::memmem;

/// How much is read at a time, in bytes. White space after the last marker is recognised up to
/// this length.
const READ: usize = 1 << 16;

/// Reads a text document by document: [`Read`] ends where a document does.
pub struct Documents<'m, R> {
    source: R,
    marker: Option<&'m str>,
    /// What was read and not handed out yet.
    buffer: Vec<u8>,
    /// How much of it was handed out.
    start: usize,
    /// How much of it belongs to the document for certain.
    safe: usize,
    /// Whether the marker stands there.
    marked: bool,
    /// Whether the source has nothing more.
    ended: bool,
}

/// What comes after a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Another one.
    Document,
    /// White space, and then nothing more.
    Tail(Vec<u8>),
    /// Nothing.
    End,
}

impl<'m, R: Read> Documents<'m, R> {
    /// Reads from a source; without a marker it is one document.
    pub fn new(source: R, marker: Option<&'m str>) -> Self {
        let buffer = Vec::new();
        Documents { source, marker, buffer, start: 0, safe: 0, marked: false, ended: false }
    }

    /// Whether the marker stands at the end of the document that was read to its end.
    pub fn marked(&self) -> bool {
        self.marked && self.start == self.safe
    }

    /// Goes on after a document that was read to its end.
    ///
    /// # Errors
    /// Those of the source.
    pub fn next(&mut self) -> io::Result<Next> {
        let Some(marker) = self.marker.filter(|_| self.marked()) else { return Ok(Next::End) };
        self.start += marker.len();
        self.look(marker, self.start);
        loop {
            let rest = &self.buffer[self.start..];
            if rest.iter().any(|byte| !byte.is_ascii_whitespace()) || rest.len() > READ {
                return Ok(Next::Document);
            }
            if self.ended {
                return Ok(match rest {
                    [] => Next::End,
                    rest => Next::Tail(rest.to_vec()),
                });
            }
            self.more(marker)?;
        }
    }

    /// Reads some more of the source.
    fn more(&mut self, marker: &str) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.safe -= self.start;
        self.start = 0;
        let read = (&mut self.source).take(READ as u64).read_to_end(&mut self.buffer)?;
        self.ended = read < READ;
        self.look(marker, self.safe);
        Ok(())
    }

    /// Looks for the marker from a place of the buffer on.
    fn look(&mut self, marker: &str, from: usize) {
        let found = memmem::find(&self.buffer[from..], marker.as_bytes());
        self.marked = found.is_some();
        self.safe = match found {
            Some(at) => from + at,
            None if self.ended => self.buffer.len(),
            // The beginning of a marker may stand at the end of what was read.
            None => from.max((self.buffer.len() + 1).saturating_sub(marker.len())),
        };
    }
}

impl<R: Read> Read for Documents<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(marker) = self.marker else { return self.source.read(buffer) };
        while self.start == self.safe && !self.marked && !self.ended {
            self.more(marker)?;
        }
        let count = buffer.len().min(self.safe - self.start);
        buffer[..count].copy_from_slice(&self.buffer[self.start..][..count]);
        self.start += count;
        Ok(count)
    }
}

/// The documents of a text that is in memory, each with whether the marker stands at its end, and
/// the white space after the last marker. A document may be empty, where two markers meet.
pub fn documents<'t>(text: &'t str, marker: Option<&str>) -> (Vec<(&'t str, bool)>, &'t str) {
    let Some(marker) = marker else { return (vec![(text, false)], "") };
    let mut documents: Vec<(&str, bool)> = text.split(marker).map(|part| (part, true)).collect();
    // What follows the last marker has none at its end.
    match documents.pop() {
        Some((rest, _)) if documents.is_empty() || !is_white(rest) => {
            documents.push((rest, false));
            (documents, "")
        }
        rest => (documents, rest.map_or("", |(rest, _)| rest)),
    }
}

/// Whether there is nothing but white space, and not much of it.
fn is_white(text: &str) -> bool {
    text.len() <= READ && text.bytes().all(|byte| byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A source that gives little at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    /// All that a reader finds.
    fn read_all(source: impl Read, marker: &str) -> (Vec<(String, bool)>, String) {
        let mut reader = Documents::new(source, Some(marker));
        let mut all = Vec::new();
        loop {
            let mut document = String::new();
            reader.read_to_string(&mut document).unwrap();
            all.push((document, reader.marked()));
            match reader.next().unwrap() {
                Next::Document => {}
                Next::Tail(tail) => return (all, String::from_utf8(tail).unwrap()),
                Next::End => return (all, String::new()),
            }
        }
    }

    fn held(text: &str, marker: &str) -> (Vec<(String, bool)>, String) {
        let (all, tail) = documents(text, Some(marker));
        (all.into_iter().map(|(text, marked)| (text.to_string(), marked)).collect(), tail.into())
    }

    #[test]
    fn a_text_is_cut_at_its_markers() {
        assert_eq!(documents("a#b#\n", Some("#")), (vec![("a", true), ("b", true)], "\n"));
        assert_eq!(documents("a#\nb", Some("#")), (vec![("a", true), ("\nb", false)], ""));
        assert_eq!(documents("##a", Some("#")), (vec![("", true), ("", true), ("a", false)], ""));
        assert_eq!(documents(" \n", Some("#")), (vec![(" \n", false)], ""));
        assert_eq!(documents("a#b", None), (vec![("a#b", false)], ""));
    }

    #[test]
    fn without_a_marker_a_text_is_read_as_it_is() {
        let mut reader = Documents::new(&b"a<|endoftext|>b"[..], None);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a<|endoftext|>b");
        assert!(!reader.marked() && reader.next().unwrap() == Next::End);
    }

    #[test]
    fn a_marker_is_found_wherever_a_piece_of_reading_ends() {
        for before in READ - 20..READ + 3 {
            let text = format!("{}<|endoftext|>{}", "x".repeat(before), "\n".repeat(READ - 9));
            let (all, tail) = read_all(text.as_bytes(), "<|endoftext|>");
            assert_eq!((all.len(), all[0].0.len(), tail.len()), (1, before, READ - 9), "{before}");
        }
    }

    proptest! {
        /// Reading and holding a text give the same documents, and nothing is lost.
        #[test]
        fn reading_finds_what_is_there(text in "[ab\n]{0,4}(<e>[<e>ab \n]{0,6}){0,6}", step in 1usize..9) {
            let found = read_all(Slow(text.as_bytes(), step), "<e>");
            prop_assert_eq!(&found, &held(&text, "<e>"));
            let mut whole = String::new();
            for (document, marked) in &found.0 {
                whole += document;
                whole += if *marked { "<e>" } else { "" };
            }
            prop_assert_eq!(whole + &found.1, text);
        }
    }
}
