//! Splits a text into documents at each spelling of the end-of-text token, the *marker*.
//!
//! Many data sets are one file of text with `<|endoftext|>` between the documents (TinyStories is
//! such a file). The text is cut there before anything else, so that these are separate documents:
//! each is for training or for validation as a whole, `--sample` chooses among them, and each gets
//! one end-of-text token.
//!
//! White space after the last marker, usually one line break, is not a document. It remains the
//! tail of the document before it.
//!
//! What this file leaves out: which spelling is the marker (`special`).

use std::io::{self, Read};

use memchr::memmem;

/// The number of bytes per read. White space after the last marker is recognised up to this
/// length.
const READ: usize = 1 << 16;

/// Reads a text one document at a time: [`Read`] ends at the end of a document.
pub struct Documents<'m, R> {
    source: R,
    marker: Option<&'m str>,
    /// Bytes that were read from the source.
    buffer: Vec<u8>,
    /// The number of bytes of the buffer that were returned.
    start: usize,
    /// The number of bytes of the buffer that certainly belong to the document.
    safe: usize,
    /// Whether the marker follows them.
    marked: bool,
    /// Whether the source is at its end.
    ended: bool,
}

/// What follows a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Another document.
    Document,
    /// White space, and then the end.
    Tail(Vec<u8>),
    /// The end.
    End,
}

impl<'m, R: Read> Documents<'m, R> {
    /// A reader of a source; without a marker the source is one document.
    pub fn new(source: R, marker: Option<&'m str>) -> Self {
        let buffer = Vec::new();
        Documents { source, marker, buffer, start: 0, safe: 0, marked: false, ended: false }
    }

    /// Whether a marker ends the document that was read to its end.
    pub fn marked(&self) -> bool {
        self.marked && self.start == self.safe
    }

    /// Continues after a document that was read to its end.
    ///
    /// # Errors
    /// Those of the source.
    pub fn next(&mut self) -> io::Result<Next> {
        let Some(marker) = self.marker.filter(|_| self.marked()) else { return Ok(Next::End) };
        self.start += marker.len();
        self.search(marker, self.start);
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
        self.search(marker, self.safe);
        Ok(())
    }

    /// Searches the buffer for the marker, from a position on.
    fn search(&mut self, marker: &str, from: usize) {
        let found = memmem::find(&self.buffer[from..], marker.as_bytes());
        self.marked = found.is_some();
        self.safe = match found {
            Some(at) => from + at,
            None if self.ended => self.buffer.len(),
            // The buffer may end within a marker.
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

/// The documents of a text in memory, each with whether a marker ends it, and the white space after
/// the last marker. Between two adjacent markers is an empty document.
pub fn documents<'t>(text: &'t str, marker: Option<&str>) -> (Vec<(&'t str, bool)>, &'t str) {
    let Some(marker) = marker else { return (vec![(text, false)], "") };
    let mut documents: Vec<(&str, bool)> = text.split(marker).map(|part| (part, true)).collect();
    // No marker ends the text after the last marker.
    match documents.pop() {
        Some((rest, _)) if documents.is_empty() || !is_white(rest) => {
            documents.push((rest, false));
            (documents, "")
        }
        rest => (documents, rest.map_or("", |(rest, _)| rest)),
    }
}

/// Whether a text is white space of at most [`READ`] bytes.
fn is_white(text: &str) -> bool {
    text.len() <= READ && text.bytes().all(|byte| byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A source that returns few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    /// All documents of a reader, and the tail.
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
    fn a_marker_is_found_wherever_a_read_ends() {
        for before in READ - 20..READ + 3 {
            let text = format!("{}<|endoftext|>{}", "x".repeat(before), "\n".repeat(READ - 9));
            let (all, tail) = read_all(text.as_bytes(), "<|endoftext|>");
            assert_eq!((all.len(), all[0].0.len(), tail.len()), (1, before, READ - 9), "{before}");
        }
    }

    proptest! {
        /// Reading a text gives the same documents as splitting it in memory, and nothing is lost.
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
