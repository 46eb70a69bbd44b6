//! The rule of Llama 3 and of Qwen2, which is GPT-4's with other numbers.
//!
//! ```text
//! (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//! ```
//!
//! which means, the first that fits:
//!
//! 1. an English ending such as `'s`, in capitals, too;
//! 2. a run of letters, with one character before it that is no letter, no number and no line end:
//!    ` the`, `(the`, `_the`;
//! 3. up to three number characters (Qwen2: one);
//! 4. a run of other signs, with one space before it and the line ends after it: `;\n`;
//! 5. white space up to its last line end;
//! 6. white space without its last character, where a word follows;
//! 7. white space.

use super::{Class, class_at, run_end};

/// The end of the pre-token that begins at `start`.
///
/// digits: the most characters of a number, 3 for Llama 3, 1 for Qwen2.
#[inline]
pub(in super::super) fn pre_token_end(text: &str, start: usize, digits: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes[start] == b'\'' {
        let ending = english_ending(&bytes[start + 1..]);
        if ending > 0 {
            return start + 1 + ending;
        }
    }
    let (class, after) = class_at(text, start);
    match class {
        Class::Letter => return run_end(text, after, Class::Letter),
        Class::Number => return number_end(text, after, digits - 1),
        Class::Space | Class::Other => {}
    }
    let line_end = matches!(bytes[start], b'\r' | b'\n');
    if after < bytes.len() && !line_end {
        match class_at(text, after) {
            (Class::Letter, after) => return run_end(text, after, Class::Letter),
            (Class::Other, after) if bytes[start] == b' ' => return signs_end(text, after),
            _ => {}
        }
    }
    match class {
        Class::Other => signs_end(text, after),
        _ => white_end(text, start, after),
    }
}

/// The length of `s`, `d`, `m`, `t`, `ll`, `ve` or `re`, in either case, where the bytes begin so,
/// else 0. Ignoring case, the long s (U+017F) is an s, too.
fn english_ending(bytes: &[u8]) -> usize {
    const LONG_S: &[u8] = "ſ".as_bytes();
    if bytes.starts_with(LONG_S) {
        return LONG_S.len();
    }
    match bytes.first().map(u8::to_ascii_lowercase) {
        Some(b's' | b'd' | b'm' | b't') => 1,
        Some(first) => match (first, bytes.get(1).map(u8::to_ascii_lowercase)) {
            (b'l', Some(b'l')) | (b'v' | b'r', Some(b'e')) => 2,
            _ => 0,
        },
        None => 0,
    }
}

/// The end of a number that continues at `at` with at most `more` characters.
fn number_end(text: &str, mut at: usize, more: usize) -> usize {
    for _ in 0..more {
        match at < text.len() {
            true => match class_at(text, at) {
                (Class::Number, after) => at = after,
                _ => break,
            },
            false => break,
        }
    }
    at
}

/// The end of a run of other signs that continues at `at`, and of the line ends after it.
fn signs_end(text: &str, at: usize) -> usize {
    let end = run_end(text, at, Class::Other);
    let rest = &text.as_bytes()[end..];
    end + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// The end of white space that is not part of a word: its first character is at `start`, and the
/// next one at `after`.
fn white_end(text: &str, start: usize, after: usize) -> usize {
    let bytes = text.as_bytes();
    let end_of_line = |at: usize, after: usize| matches!(bytes[at], b'\r' | b'\n').then_some(after);
    let mut line_end = end_of_line(start, after);
    let (mut last, mut end) = (start, after);
    while end < bytes.len() {
        let (class, after) = class_at(text, end);
        if class != Class::Space {
            // All but the last character, where there are two or more.
            return line_end.unwrap_or(if last > start { last } else { end });
        }
        line_end = end_of_line(end, after).or(line_end);
        (last, end) = (end, after);
    }
    line_end.unwrap_or(end)
}
