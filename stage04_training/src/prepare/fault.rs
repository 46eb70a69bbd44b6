//! Something in the inputs that cannot be used: where, what, and what to do.
//!
//! Files of tens of gigabytes come from many people and over many networks. A fault in them is
//! an error that ends the command, unless it was told to go on (`--on-error skip`): then faults
//! are counted and listed. Nothing is left out in silence.

use std::io;

use serde::{Deserialize, Serialize};
use stage01_bigram::screen::printable;
use stage01_bigram::{Error, form};

use super::decode::TooLarge;

/// The longest name of a place, and the longest description, in characters: both can hold what a
/// file says.
const LONGEST: [usize; 2] = [1000, 400];

/// One fault, as it stands in the list of faults. Nothing in it can disturb a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The file, through all archives: `a.tar.xz!b.xz!c.txt`, and the line where there is one:
    /// `rows.jsonl:17`.
    pub place: String,
    /// What was found, and what was expected.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
    /// What is not among the tokens because of it.
    pub lost: Lost,
}

/// How much a fault costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// This document, or this line.
    Document,
    /// Some hundred thousand bytes of a long document; the rest of it stays.
    PartOfDocument,
    /// Everything in the file after this place.
    RestOfFile,
}

impl Fault {
    /// A fault at a place.
    pub fn new(
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
        lost: Lost,
    ) -> Fault {
        let shown = |text: String, most: usize| {
            let text = match text.char_indices().nth(most) {
                Some((at, _)) => format!("{} …", &text[..at]),
                None => text,
            };
            printable(&text).into_owned()
        };
        let [place, problem] = [(place.into(), LONGEST[0]), (problem.into(), LONGEST[1])]
            .map(|(t, most)| shown(t, most));
        Fault { place, problem, remedy: remedy.into(), lost }
    }

    /// A file that cannot be read to its end.
    pub fn unreadable(place: impl Into<String>, error: &io::Error, lost: Lost) -> Fault {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TooLarge>());
        if let Some(large) = inner {
            return Fault::new(place, large.to_string(), large.remedy(), lost);
        }
        let (problem, remedy) = match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                (format!("it is cut short: {error}"), "fetch the file again")
            }
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                (format!("it cannot be opened: {error}"), "see whether it may be read")
            }
            _ => (format!("it is damaged: {error}"), "fetch the file again"),
        };
        Fault::new(place, problem, remedy, lost)
    }

    /// Bytes that are no UTF-8. line: where `bytes` begins, counted from 1.
    pub fn not_utf8(place: &str, line: u64, bytes: &[u8], lost: Lost) -> Fault {
        let Err(error) = std::str::from_utf8(bytes) else {
            return Fault::new(place, "not UTF-8 text", "convert it to UTF-8 first", lost);
        };
        let before = &bytes[..error.valid_up_to()];
        let line = line + memchr::memchr_iter(b'\n', before).count() as u64;
        let (problem, remedy) = form::not_utf8(bytes, &error);
        Fault::new(format!("{place}:{line}"), problem, remedy, lost)
    }

    /// The error that ends a command which was not told to go on.
    pub fn into_error(self) -> Error {
        let remedy = format!("{}, or leave such things out with --on-error skip", self.remedy);
        Error::text(self.place, self.problem, remedy)
    }

    /// In one line, for the screen.
    pub fn line(&self) -> String {
        format!("{}: {}", self.place, self.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_bad_byte_is_counted_from_where_the_text_began() {
        let fault = Fault::not_utf8("a.tar!b.txt", 7, b"one\ntwo\ncaf\xe9\n", Lost::Document);
        assert_eq!(fault.line(), "a.tar!b.txt:9: not UTF-8 text: found the byte 0xE9");
        let error = fault.into_error().to_string();
        assert!(error.contains("iconv") && error.contains("--on-error skip"), "{error}");
    }

    #[test]
    fn nothing_that_a_file_says_disturbs_a_terminal_or_fills_it() {
        let long = "x".repeat(10_000);
        let fault = Fault::new("a\u{1b}[31m\n.txt", long, "", Lost::Document);
        assert!(fault.line().starts_with("a\\u{1b}[31m\\n.txt: xxx"), "{}", fault.line());
        assert!(fault.line().len() < 500 && fault.line().ends_with('…'));
    }

    #[test]
    fn what_the_system_says_is_passed_on() {
        let line = |kind| Fault::unreadable("x.gz", &kind, Lost::RestOfFile).line();
        assert!(line(io::ErrorKind::UnexpectedEof.into()).starts_with("x.gz: it is cut short"));
        assert!(line(io::Error::other("odd")).contains("it is damaged: odd"));
        assert!(line(io::ErrorKind::PermissionDenied.into()).contains("cannot be opened"));
    }
}
