//! Cutting text into pieces, before any pair is joined.
//!
//! Byte-pair encoding never joins across the border of a piece. Without pieces the
//! commonest pairs of English would be things like "e t" and ". And": half a word and half
//! the next. GPT-2 (Radford et al. 2019) cuts with this regular expression,
//!
//! ```text
//! '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//! ```
//!
//! which reads, the first that fits: an English ending such as `'s`; a run of letters, of
//! digits, or of other signs, each with the one space before it; white space up to, but
//! without, the last of it that stands before a word (`\s+(?!\S)`); white space. Nothing is
//! dropped: the pieces in a row are the text.
//!
//! It is written by hand below, several times faster than a regular expression. Long texts
//! must also be cut for several threads, where the pieces stay the same: see [`chunks`].

use unicode_general_category::{GeneralCategory as Category, get_general_category};

/// The four kinds of character that the expression tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// `\p{L}`
    Letter,
    /// `\p{N}`
    Number,
    /// `\s`
    Space,
    /// Everything else: punctuation, symbols, combining marks, controls.
    Other,
}

// ANCHOR: pieces
/// The pieces of a text, in order.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start == text.len() {
            return None;
        }
        let end = piece_end(text, start);
        let piece = &text[start..end];
        start = end;
        Some(piece)
    })
}
// ANCHOR_END: pieces

/// Where the piece that begins at `start` ends.
#[inline]
// ANCHOR: piece_end
pub(super) fn piece_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes[start] == b'\'' {
        let ending = english_ending(&bytes[start + 1..]);
        if ending > 0 {
            return start + 1 + ending;
        }
    }
    let (class, after) = class_at(text, start);
    if class != Class::Space {
        return run_end(text, after, class);
    }
    if after == bytes.len() {
        return after;
    }
    let (next, after_next) = class_at(text, after);
    if next != Class::Space {
        // One white character before a word: a space joins it, any other is a piece.
        return if bytes[start] == b' ' { run_end(text, after_next, next) } else { after };
    }
    // Two or more: all of them at the end of the text, all but the last before a word.
    let (mut last, mut end) = (after, after_next);
    while end < bytes.len() {
        let (class, after) = class_at(text, end);
        if class != Class::Space {
            return last;
        }
        (last, end) = (end, after);
    }
    end
}
// ANCHOR_END: piece_end

/// The length of `s`, `d`, `m`, `t`, `ll`, `ve` or `re` where the bytes begin so, else 0.
fn english_ending(bytes: &[u8]) -> usize {
    match bytes {
        [b's' | b'd' | b'm' | b't', ..] => 1,
        [b'l', b'l', ..] | [b'v', b'e', ..] | [b'r', b'e', ..] => 2,
        _ => 0,
    }
}

/// The end of a run of one class that goes on at `at`.
#[inline]
fn run_end(text: &str, mut at: usize, class: Class) -> usize {
    while at < text.len() {
        let (next, after) = class_at(text, at);
        if next != class {
            break;
        }
        at = after;
    }
    at
}

/// The class of the character at `at`, and where the next one begins.
#[inline]
fn class_at(text: &str, at: usize) -> (Class, usize) {
    let byte = text.as_bytes()[at];
    if byte < 128 {
        return (ASCII[byte as usize], at + 1);
    }
    wide_class_at(text, at)
}

fn wide_class_at(text: &str, at: usize) -> (Class, usize) {
    let c = text[at..].chars().next().unwrap_or_default();
    (class_of(c), at + c.len_utf8())
}

/// The class of any character.
fn class_of(c: char) -> Class {
    use Category::*;
    match get_general_category(c) {
        UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter => {
            Class::Letter
        }
        DecimalNumber | LetterNumber | OtherNumber => Class::Number,
        _ if c.is_whitespace() => Class::Space,
        _ => Class::Other,
    }
}

/// [`class_of`] for the first 128 characters, most of every English text.
const ASCII: [Class; 128] = {
    let mut classes = [Class::Other; 128];
    let mut c = 0;
    while c < 128 {
        classes[c] = match c as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Number,
            b'\t'..=b'\r' | b' ' => Class::Space,
            _ => Class::Other,
        };
        c += 1;
    }
    classes
};

/// Cuts a text into chunks of about `size` bytes whose pieces, in a row, are the pieces of
/// the whole text.
///
/// A chunk ends only where two neighbours prove a border of pieces, whatever stands before
/// and after them. No piece goes on after a letter with anything but a letter, nor after a
/// number with anything but a number, nor after any other sign with white space or a number.
/// (After a sign a letter may go on: `'s`. After white space anything may.) The part before
/// such a border ends in a character that is not white, so its pieces do not depend on what
/// follows; the part after it is cut by rules which never look back.
///
/// A text without such a border is one chunk.
pub(super) fn chunks(text: &str, size: usize) -> Vec<&str> {
    let mut chunks = Vec::with_capacity(text.len() / size + 1);
    let mut rest = text;
    while let Some(end) = safe_cut(rest, size) {
        let (chunk, after) = rest.split_at(end);
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}

/// The first safe border at or after `from`, strictly inside the text.
fn safe_cut(text: &str, from: usize) -> Option<usize> {
    let from = (from..text.len()).find(|&at| text.is_char_boundary(at))?;
    let mut before = text[..from].chars().next_back().map(class_of);
    text[from..].char_indices().find_map(|(at, c)| {
        let class = class_of(c);
        let safe = match before {
            None | Some(Class::Space) => false,
            Some(Class::Other) => matches!(class, Class::Space | Class::Number),
            Some(letter_or_number) => class != letter_or_number,
        };
        before = Some(class);
        safe.then_some(from + at)
    })
}

#[cfg(test)]
pub(super) mod tests;
