//! Pre-tokenization: cutting a text into pre-tokens, before any pair is merged.
//!
//! Byte-pair encoding never merges across the border of a pre-token. Without pre-tokens the most
//! frequent pairs of English would be strings like "e t" and ". And": half a word and half of the
//! next. GPT-2 (Radford et al. 2019) cuts with this regular expression,
//!
//! ```text
//! '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//! ```
//!
//! which means, the first that fits: an English ending such as `'s`; a run of letters, of digits,
//! or of other signs, each with one space before it; white space without its last character, where
//! a word follows (`\s+(?!\S)`); white space. Nothing is dropped: the pre-tokens in a row are the
//! text.
//!
//! It is written by hand below, several times faster than a regular expression. Long texts must
//! also be cut for several threads, with the same pre-tokens: see [`chunks`].
//!
//! ```
//! use stage01_bigram::tokenizer::bpe::pre_tokens;
//!
//! let cut: Vec<_> = pre_tokens("it's 42 sheep!").collect();
//! assert_eq!(cut, ["it", "'s", " 42", " sheep", "!"]);
//! ```

pub(super) mod llama3;
pub(super) mod smollm;

use unicode_general_category::{GeneralCategory as Category, get_general_category};

/// The four kinds of character that the expression tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `\p{L}`
    Letter,
    /// `\p{N}`
    Number,
    /// `\s`
    Space,
    /// Everything else: punctuation, symbols, combining marks, controls.
    Other,
}

// ANCHOR: pre_tokens
/// The pre-tokens of a text, in order.
pub fn pre_tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start == text.len() {
            return None;
        }
        let end = pre_token_end(text, start);
        let pre_token = &text[start..end];
        start = end;
        Some(pre_token)
    })
}
// ANCHOR_END: pre_tokens

/// The end of the pre-token that begins at `start`.
#[inline]
// ANCHOR: pre_token_end
pub(super) fn pre_token_end(text: &str, start: usize) -> usize {
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
        // One white character before a word: a space belongs to the word, any other is a pre-token.
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
// ANCHOR_END: pre_token_end

/// The length of `s`, `d`, `m`, `t`, `ll`, `ve` or `re` where the bytes begin so, else 0.
fn english_ending(bytes: &[u8]) -> usize {
    match bytes {
        [b's' | b'd' | b'm' | b't', ..] => 1,
        [b'l', b'l', ..] | [b'v', b'e', ..] | [b'r', b'e', ..] => 2,
        _ => 0,
    }
}

/// The end of a run of one class that continues at `at`.
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

/// Cuts a text into chunks of about `size` bytes whose pre-tokens, in a row, are those of the whole
/// text.
///
/// A chunk ends only between two characters that are in different pre-tokens in any context. No
/// pre-token continues after a letter with anything but a letter, nor after a number with anything
/// but a number, nor after any other sign with white space or a number. (After a sign a letter may
/// follow: `'s`. After white space anything may.) The part before such a border ends in a character
/// that is not white, so its pre-tokens do not depend on the text after it; the part after it is
/// cut by rules that do not depend on the text before it.
///
/// A text without such a border is one chunk.
pub(super) fn chunks(text: &str, size: usize) -> Vec<&str> {
    chunks_where(text, size, |before, class, _| is_border(before, class))
}

/// Whether a chunk may end between characters of these classes.
pub(super) fn is_border(before: Class, after: Class) -> bool {
    match before {
        Class::Space => false,
        Class::Other => matches!(after, Class::Space | Class::Number),
        letter_or_number => after != letter_or_number,
    }
}

/// [`chunks`] for another rule.
///
/// is_border: of the class of a character, and the class of the next one and that one itself,
/// whether a chunk may end between them.
pub(super) fn chunks_where(
    text: &str,
    size: usize,
    is_border: impl Fn(Class, Class, char) -> bool,
) -> Vec<&str> {
    let mut chunks = Vec::with_capacity(text.len() / size + 1);
    let mut rest = text;
    while let Some(end) = safe_cut(rest, size, &is_border) {
        let (chunk, after) = rest.split_at(end);
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}

/// The first safe border at or after `from`, strictly inside the text.
fn safe_cut(
    text: &str,
    from: usize,
    is_border: impl Fn(Class, Class, char) -> bool,
) -> Option<usize> {
    let from = (from..text.len()).find(|&at| text.is_char_boundary(at))?;
    let mut before = text[..from].chars().next_back().map(class_of);
    text[from..].char_indices().find_map(|(at, c)| {
        let class = class_of(c);
        let safe = before.is_some_and(|before| is_border(before, class, c));
        before = Some(class);
        safe.then_some(from + at)
    })
}

#[cfg(test)]
pub(super) mod tests;
