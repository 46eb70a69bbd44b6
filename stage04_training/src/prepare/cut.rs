//! Cuts long texts into segments that can be encoded independently.
//!
//! A text of gigabytes is never in memory as a whole, and all cores work on it. But a cut in the
//! wrong place would change its tokens. Both tokenizers work within pre-tokens, so a cut between a
//! visible character and white space is safe: no pre-token crosses it (stage 1's `split` says why).
//!
//! The cuts depend only on the bytes, so a text has the same segments whether it comes from a regular
//! file, from an archive, or from a line of JSON.

use std::io::{self, Read};

/// The usual length of a segment in bytes. Stage 1's encoder encodes a text of this length on the
/// calling thread.
pub const SEGMENT: usize = 1 << 18;

/// The longest text without a safe cut, in bytes: it must fit into memory.
pub const LONGEST: usize = 1 << 25;

// ANCHOR: cut_at
/// The end of the first segment of `bytes`: the last safe place up to [`SEGMENT`], or else the
/// first one after it. `None` if there is none.
pub fn cut_at(bytes: &[u8]) -> Option<usize> {
    let last = SEGMENT.min(bytes.len().saturating_sub(1));
    let before = (1..=last).rev().find(|&at| is_safe(bytes, at));
    before.or_else(|| (last + 1..bytes.len()).find(|&at| is_safe(bytes, at)))
}

/// Whether a text may be cut before the byte `at`: that byte is white space, and the character
/// before it is not.
fn is_safe(bytes: &[u8], at: usize) -> bool {
    if !is_white(bytes[at]) {
        return false;
    }
    match bytes[at - 1] {
        byte if byte.is_ascii() => !is_white(byte) && !byte.is_ascii_control(),
        // The end of a character of two to four bytes; a few of those are white space, too.
        _ => {
            let start = (1..=4.min(at)).map(|n| at - n).find(|&i| bytes[i] & 0xC0 != 0x80);
            let character = start.and_then(|start| std::str::from_utf8(&bytes[start..at]).ok());
            character.is_some_and(|c| !c.chars().any(char::is_whitespace))
        }
    }
}
// ANCHOR_END: cut_at

/// ASCII white space.
fn is_white(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// The segments of a text that is in memory. Never empty.
pub fn segments(text: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut rest = text;
    while rest.len() > SEGMENT {
        let Some(at) = cut_at(rest.as_bytes()) else { break };
        let (segment, after) = rest.split_at(at);
        segments.push(segment);
        rest = after;
    }
    segments.push(rest);
    segments
}

/// Reads a text one segment at a time.
pub struct Cutter<R> {
    source: R,
    /// Bytes that were read and not yet returned.
    rest: Vec<u8>,
    /// Whether the source is at its end.
    ended: bool,
}

/// A result of [`Cutter::next`].
#[derive(Debug, PartialEq, Eq)]
pub enum Cut {
    /// A segment that is not the last.
    Segment(Vec<u8>),
    /// The last segment.
    Last(Vec<u8>),
    /// More than [`LONGEST`] bytes without a place to cut.
    Endless,
}

impl<R: Read> Cutter<R> {
    /// A cutter of the text of a source.
    pub fn new(source: R) -> Self {
        Cutter { source, rest: Vec::new(), ended: false }
    }

    /// The source.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// The next segment. Must not be called after the last one.
    ///
    /// # Errors
    /// Those of the source.
    pub fn next(&mut self) -> io::Result<Cut> {
        self.fill(SEGMENT + 1)?;
        let mut searched = 0;
        loop {
            if self.rest.len() <= SEGMENT {
                return Ok(Cut::Last(std::mem::take(&mut self.rest)));
            }
            let place = match searched {
                0 => cut_at(&self.rest),
                _ => (searched..self.rest.len()).find(|&at| is_safe(&self.rest, at)),
            };
            if let Some(at) = place {
                let after = self.rest.split_off(at);
                return Ok(Cut::Segment(std::mem::replace(&mut self.rest, after)));
            }
            if self.ended {
                return Ok(Cut::Last(std::mem::take(&mut self.rest)));
            }
            if self.rest.len() > LONGEST {
                return Ok(Cut::Endless);
            }
            searched = self.rest.len();
            self.fill(searched * 2)?;
        }
    }

    /// Reads until `length` bytes are buffered, or the source ends.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        if !self.ended && self.rest.len() < length {
            let missing = (length - self.rest.len()) as u64;
            self.ended =
                (&mut self.source).take(missing).read_to_end(&mut self.rest)? < missing as usize;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage01_bigram::tokenizer::bpe::pre_tokens;

    /// All segments of a reader.
    fn read_all(source: impl Read) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(source);
        let mut all = Vec::new();
        loop {
            match cutter.next().unwrap() {
                Cut::Segment(bytes) => all.push(bytes),
                Cut::Last(bytes) => {
                    all.push(bytes);
                    return all;
                }
                Cut::Endless => panic!("endless"),
            }
        }
    }

    proptest! {
        #[test]
        fn a_safe_cut_never_changes_the_pre_tokens(text in "[a 1.é'\u{3000}\n语s]{2,30}") {
            let whole: Vec<&str> = pre_tokens(&text).collect();
            for at in 1..text.len() {
                if is_safe(text.as_bytes(), at) {
                    let (left, right) = text.split_at(at);
                    let parts: Vec<&str> = pre_tokens(left).chain(pre_tokens(right)).collect();
                    prop_assert_eq!(&parts, &whole, "cut at {}", at);
                }
            }
        }

        #[test]
        fn reading_and_holding_a_text_give_the_same_segments(
            words in prop::collection::vec((1usize..150_000, 0usize..4), 1..12), step in 1usize..70_000,
        ) {
            let mut text = String::new();
            for (length, white) in words {
                text.extend(std::iter::repeat_n('x', length));
                text.push_str([" ", "\n\n", "", "。\n"][white]);
            }
            // A source that returns few bytes at a time.
            struct Slow<'a>(&'a [u8], usize);
            impl Read for Slow<'_> {
                fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                    let n = self.1.min(buffer.len());
                    self.0.read(&mut buffer[..n])
                }
            }
            let read = read_all(Slow(text.as_bytes(), step));
            let held: Vec<Vec<u8>> = segments(&text).iter().map(|s| s.as_bytes().to_vec()).collect();
            prop_assert_eq!(&read, &held);
            prop_assert_eq!(read.concat(), text.as_bytes());
        }
    }

    #[test]
    fn a_short_text_is_one_segment_and_a_long_one_is_cut_before_white_space() {
        assert_eq!(read_all(&b"one two"[..]), [b"one two"]);
        assert_eq!(read_all(&b""[..]), [b""]);
        let text = "ab ".repeat(SEGMENT);
        let all = segments(&text);
        assert!(all.iter().all(|s| s.len() <= SEGMENT && s.ends_with('b') || s.ends_with(' ')));
        assert_eq!(all[0].len(), SEGMENT - SEGMENT % 3 - 1 + 3 * usize::from(SEGMENT % 3 == 2));
    }

    #[test]
    fn a_text_without_white_space_is_one_segment_until_it_is_too_long() {
        let text = "y".repeat(3 * SEGMENT);
        assert_eq!(read_all(text.as_bytes()).len(), 1);
        let endless = io::repeat(b'z').take(LONGEST as u64 + (1 << 20) + 5);
        assert_eq!(Cutter::new(endless).next().unwrap(), Cut::Endless);
    }
}
