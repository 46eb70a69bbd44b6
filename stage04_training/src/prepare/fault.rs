//! Faults: parts of the inputs that cannot be used, each with its place and a remedy.
//!
//! In tens of gigabytes from many sources some data is damaged. A fault is an error that ends the
//! command, unless `--on-error skip` is given: then faults are counted and listed. Nothing is left
//! out silently.

use std::io;

use serde::{Deserialize, Serialize};
use stage01_bigram::text::printable;
use stage01_bigram::{Error, form};

use super::decode::TooLarge;

/// The longest place and the longest problem, in characters: both may contain text of a file.
const LONGEST: [usize; 2] = [1000, 400];

/// One fault, as listed. Control characters are escaped, so that a terminal can show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The path of the file through all archives, `a.tar.xz!b.xz!c.txt`, and its line if known,
    /// `rows.jsonl:17`.
    pub place: String,
    /// What was found, and what was expected.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
    /// What is missing from the tokens because of it.
    pub lost: Lost,
}

/// The extent of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// This document, or this line.
    Document,
    /// One segment of a long document.
    PartOfDocument,
    /// The rest of the file.
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

    /// The fault for a file that cannot be read to its end.
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
                (format!("it cannot be opened: {error}"), "check its permissions")
            }
            _ => (format!("it is damaged: {error}"), "fetch the file again"),
        };
        Fault::new(place, problem, remedy, lost)
    }

    /// The fault for bytes that are not UTF-8. line: the line at which `bytes` begins, from 1.
    pub fn not_utf8(place: &str, line: u64, bytes: &[u8], lost: Lost) -> Fault {
        let Err(error) = std::str::from_utf8(bytes) else {
            return Fault::new(place, "not UTF-8 text", "convert it to UTF-8 first", lost);
        };
        let before = &bytes[..error.valid_up_to()];
        let line = line + memchr::memchr_iter(b'\n', before).count() as u64;
        let (problem, remedy) = form::not_utf8(bytes, &error);
        Fault::new(format!("{place}:{line}"), problem, remedy, lost)
    }

    /// The fault as the error that ends the command.
    pub fn into_error(self) -> Error {
        let remedy = format!("{}, or skip such faults with --on-error skip", self.remedy);
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
    fn control_characters_are_escaped_and_long_texts_are_cut() {
        let long = "x".repeat(10_000);
        let fault = Fault::new("a\u{1b}[31m\n.txt", long, "", Lost::Document);
        assert!(fault.line().starts_with("a\\u{1b}[31m\\n.txt: xxx"), "{}", fault.line());
        assert!(fault.line().len() < 500 && fault.line().ends_with('…'));
    }

    #[test]
    fn the_error_of_the_system_is_in_the_fault() {
        let line = |kind| Fault::unreadable("x.gz", &kind, Lost::RestOfFile).line();
        assert!(line(io::ErrorKind::UnexpectedEof.into()).starts_with("x.gz: it is cut short"));
        assert!(line(io::Error::other("odd")).contains("it is damaged: odd"));
        assert!(line(io::ErrorKind::PermissionDenied.into()).contains("cannot be opened"));
    }
}
