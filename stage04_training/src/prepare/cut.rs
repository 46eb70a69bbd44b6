//! Cutting long texts into segments that can be made tokens one by one.
//!
//! A text of gigabytes is never in memory at once, and all cores shall work on it. But a cut in
//! the wrong place would change its tokens. Both tokenizers look at words, so a cut before white
//! space that stands after something else is safe: no word goes on there, and what comes before
//! it does not depend on what comes after (stage 1's `split` says why).
//!
//! Where the cuts are depends on the bytes alone, so a text has the same segments whether it
//! comes from a regular file, from an archive, or from a line of JSON.

use std::io::{self, Read};

/// The usual length of a segment in bytes. Stage 1's encoder takes a text of this length as one
/// task, on the thread that asks.
pub const SEGMENT: usize = 1 << 18;

/// The longest run without a place to cut that is read, in bytes: it must fit into memory.
pub const LONGEST: usize = 1 << 25;

// ANCHOR: cut_at
/// Where the first segment of `bytes` ends: at the last safe place up to [`SEGMENT`], or else at
/// the first one after it. `None` where there is none.
pub fn cut_at(bytes: &[u8]) -> Option<usize> {
    let last = SEGMENT.min(bytes.len().saturating_sub(1));
    let before = (1..=last).rev().find(|&at| is_safe(bytes, at));
    before.or_else(|| (last + 1..bytes.len()).find(|&at| is_safe(bytes, at)))
}

/// Whether a text may be cut before the byte `at`: it is white, and what stands before it is
/// not.
fn is_safe(bytes: &[u8], at: usize) -> bool {
    if !is_white(bytes[at]) {
        return false;
    }
    match bytes[at - 1] {
        byte if byte.is_ascii() => !is_white(byte) && !byte.is_ascii_control(),
        // The end of a character of two to four bytes; a few of those are white, too.
        _ => {
            let start = (1..=4.min(at)).map(|n| at - n).find(|&i| bytes[i] & 0xC0 != 0x80);
            let character = start.and_then(|start| std::str::from_utf8(&bytes[start..at]).ok());
            character.is_some_and(|c| !c.chars().any(char::is_whitespace))
        }
    }
}
// ANCHOR_END: cut_at

/// The white bytes of ASCII.
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

/// Reads a text segment by segment.
pub struct Cutter<R> {
    source: R,
    /// What was read and not yet handed out.
    rest: Vec<u8>,
    /// Whether the source has nothing more.
    ended: bool,
}

/// What [`Cutter::next`] finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut {
    /// A segment after which the text goes on.
    Segment(Vec<u8>),
    /// The last segment.
    Last(Vec<u8>),
    /// More than [`LONGEST`] bytes without a place to cut.
    Endless,
}

impl<R: Read> Cutter<R> {
    /// Cuts what this source has.
    pub fn new(source: R) -> Self {
        Cutter { source, rest: Vec::new(), ended: false }
    }

    /// What it reads from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// The next segment. Not to be called again after the last one.
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

    /// Reads until so many bytes are there, or the source ends.
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
        fn a_safe_place_never_changes_the_pieces(text in "[a 1.é'\u{3000}\n语s]{2,30}") {
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
            // A source that gives little at a time.
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
