//! Text for the screen: numbers, names and lines, made safe for a terminal or a message.
//!
//! Text from a file (its name, a line of it, a token) can hold any characters, and some of them
//! control a terminal. [`printable`] escapes such text; [`visible`] replaces single characters.
//!
//! ```
//! use stage01_bigram::text::{printable, thousands};
//!
//! assert_eq!(thousands(1_234_567), "1,234,567");
//! assert_eq!(printable("a\u{1b}[31m"), "a\\u{1b}[31m");
//! ```
//!
//! What this file leaves out: how a program begins and ends (`screen`, with the feature `cli`).

use std::borrow::Cow;

/// A number with thousands separators: 1,234,567.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A character, with `·` for a control character.
pub fn visible(c: char) -> char {
    if c.is_control() { '·' } else { c }
}

/// Text of unknown origin (a file's name, a tensor's name, a line of a file) as it may stand in a
/// line on a terminal: control characters, line breaks and characters that reorder a line are
/// written as escapes. Everything else stays as it is.
///
/// ```
/// use stage01_bigram::text::printable;
/// assert_eq!(printable("wte.weight"), "wte.weight");
/// assert_eq!(printable("two\nlines \u{1b}[31m"), "two\\nlines \\u{1b}[31m");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(changes_the_line) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.extend(c.escape_default()),
            _ if changes_the_line(c) => safe.extend(c.escape_unicode()),
            _ => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Control characters (Unicode's category Cc), line and paragraph separators, and the marks that
/// change the direction of what follows.
fn changes_the_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of at most `width` characters as it is; of a longer one the beginning, and an ellipsis
/// as the last of `width` characters.
///
/// ```
/// use stage01_bigram::text::shorten;
/// assert_eq!(shorten("wte.weight", 10), "wte.weight");
/// assert_eq!(shorten("wte.weight", 4), "wte…");
/// ```
pub fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().nth(width).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(width.saturating_sub(1)).chain(['…']).collect())
}

/// Wraps a text to lines of at most `width` columns, each after `indent`. Lines break between words
/// where there are any; line breaks of the text stay.
///
/// ```
/// use stage01_bigram::text::wrap;
/// assert_eq!(wrap("let there be light", 11, "  "), "  let there\n  be light");
/// ```
pub fn wrap(text: &str, width: usize, indent: &str) -> String {
    let columns = width.saturating_sub(indent.chars().count()).max(1);
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut left: Vec<char> = line.chars().map(visible).collect();
        while left.len() > columns {
            let space = left[..=columns].iter().rposition(|&c| c == ' ').filter(|&at| at > 0);
            let rest = left.split_off(space.unwrap_or(columns));
            lines.push(std::mem::replace(
                &mut left,
                rest.into_iter().skip(usize::from(space.is_some())).collect(),
            ));
        }
        lines.push(left);
    }
    let set = |line: Vec<char>| {
        let line: String = indent.chars().chain(line).collect();
        line.trim_end().to_string()
    };
    lines.into_iter().map(set).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn lines_break_between_words() {
        let text = "In the beginning God\ncreated\n\n\tthe";
        assert_eq!(wrap(text, 14, "  "), "  In the\n  beginning\n  God\n  created\n\n  ·the");
        assert_eq!(wrap("abcdefgh", 5, " "), " abcd\n efgh");
    }

    proptest! {
        #[test]
        fn a_shortened_text_fits(text: String, width in 1usize..20) {
            let short = shorten(&text, width);
            prop_assert!(short.chars().count() <= width);
            prop_assert_eq!(short == text, text.chars().count() <= width);
        }

        #[test]
        fn what_is_printable_is_one_line_and_says_the_same(text: String) {
            let line = printable(&text);
            prop_assert!(!line.contains(changes_the_line), "{line:?}");
            prop_assert_eq!(printable(&line), &line[..]);
        }

        #[test]
        fn no_line_is_too_long_and_no_letter_is_lost(text in "[a-z \n]{0,200}", width in 3usize..60) {
            let wrapped = wrap(&text, width, " ");
            prop_assert!(wrapped.lines().all(|line| line.chars().count() <= width));
            let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
            prop_assert_eq!(letters(&wrapped), letters(&text));
        }
    }
}
