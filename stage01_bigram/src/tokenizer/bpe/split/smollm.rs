//! SmolLM's rule: digits by themselves, and GPT-2's rule between them.
//!
//! The `tokenizers` library calls it a sequence of two pre-tokenizers. The first cuts out every
//! number character (`Digits`, one by one); the second cuts each part between two of them by GPT-2's
//! expression. To the second, a digit is therefore the end of the text: white space before a digit
//! is one pre-token, and no space goes to the digit. StarCoder has the same rule.

use super::{Class, class_at, english_ending, run_end};

/// The end of the pre-token that begins at `start`.
pub(in super::super) fn pre_token_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes[start] == b'\'' {
        let ending = english_ending(&bytes[start + 1..]);
        if ending > 0 {
            return start + 1 + ending;
        }
    }
    let (class, after) = class_at(text, start);
    match class {
        Class::Number => after,
        Class::Space => white_end(text, start, after),
        _ => run_end(text, after, class),
    }
}

/// The end of a pre-token that begins with white space, of which the first character ends at
/// `after`.
fn white_end(text: &str, start: usize, after: usize) -> usize {
    let (mut last, mut end) = (start, after);
    while end < text.len() {
        let (class, after) = class_at(text, end);
        match class {
            Class::Space => (last, end) = (end, after),
            Class::Number => break,
            // A word takes the space before it; other white space, if it is one character, is a
            // pre-token, and else all but the last.
            _ if text.as_bytes()[start] == b' ' && last == start => {
                return run_end(text, after, class);
            }
            _ if last == start => break,
            _ => return last,
        }
    }
    end
}
