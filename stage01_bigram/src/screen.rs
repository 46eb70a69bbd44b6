//! What the commands of all stages share: how they begin, how they end, how they set text.
//!
//! A command writes plain text to the standard output. It ends in one of three ways: well;
//! with one line on the error output that says what a user can do; or quietly, because
//! whoever was reading has seen enough (`| head`).

use std::borrow::Cow;
use std::io::{self, ErrorKind, StdoutLock, Write};
use std::process::ExitCode;

use crate::Error;

/// Why a command stops early.
#[derive(Debug)]
pub enum Stop {
    /// Something the user can mend.
    Error(Error),
    /// The output goes nowhere.
    Output(io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// A whole program: reads the command line, runs the command, says how it ended.
pub fn main<C: clap::Parser>(
    run: impl FnOnce(C, &mut StdoutLock) -> std::result::Result<(), Stop>,
) -> ExitCode {
    match C::try_parse() {
        Ok(command) => end(run(command, &mut io::stdout().lock())),
        Err(refusal) => refuse(&refusal),
    }
}

/// The exit status of a command, and its error in one line.
pub fn end(result: std::result::Result<(), Stop>) -> ExitCode {
    let message = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Stop::Output(e)) if e.kind() == ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Err(Stop::Output(e)) => format!("cannot write the output: {e}"),
        Err(Stop::Error(e)) => e.to_string(),
    };
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::FAILURE
}

/// The end of a program whose command line was not understood (status 2), or asked for help.
pub fn refuse(refusal: &clap::Error) -> ExitCode {
    if !refusal.use_stderr() {
        let _ = refusal.print(); // --help or --version
        return ExitCode::SUCCESS;
    }
    // The first paragraph says what is wrong; the rest is advice, which --help gives better.
    let text = refusal.to_string();
    let first = text.split("\n\n").next().unwrap_or(&text);
    let words: Vec<&str> = first.trim_start_matches("error: ").split_whitespace().collect();
    let _ = writeln!(io::stderr(), "error: {}; --help lists what can be given", words.join(" "));
    ExitCode::from(2)
}

/// A number with its thousands set apart: 1,234,567.
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

/// A character as it may be shown: control characters could do anything to a terminal.
pub fn visible(c: char) -> char {
    if c.is_control() { '·' } else { c }
}

/// Text of unknown origin (a file's name, a tensor's name, a line of a file) as it may stand in a
/// line on a terminal: control characters, line breaks and characters that reorder a line are
/// written as escapes. Everything else stays as it is.
///
/// ```
/// use stage01_bigram::screen::printable;
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

/// Sets a text in lines of at most `width` columns, each after `indent`. They are broken
/// between words where there are any; line breaks of the text stay.
pub fn wrap(text: &str, width: usize, indent: &str) -> String {
    let room = width.saturating_sub(indent.chars().count()).max(1);
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut left: Vec<char> = line.chars().map(visible).collect();
        while left.len() > room {
            let space = left[..=room].iter().rposition(|&c| c == ' ').filter(|&at| at > 0);
            let rest = left.split_off(space.unwrap_or(room));
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
