//! What is wrong with the book, said so that its writer can act on it.
//!
//! A chapter with three faults is reported with three: nothing here stops at the first. Each
//! problem names its file and line, what was found, and what to do.

use std::fmt;
use std::ops::Range;

/// One fault of the text, and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, from the root of the repository.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What was found, and what was expected.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A problem at a line of a file.
    pub fn new(
        file: impl Into<String>,
        line: usize,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), line, problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.problem, self.remedy)
    }
}

/// The line, counted from 1, in which a byte of a text lies.
pub fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|&&b| b == b'\n').count()
}

/// The line, counted from 1, in which a table of a TOML file begins; 1 if no line says so.
pub fn line_of_table(text: &str, name: &str) -> usize {
    let head = format!("[{name}]");
    text.lines().position(|line| line.trim_end() == head).map_or(1, |at| at + 1)
}

/// The problem that a TOML file cannot be read.
pub fn toml_problem(file: &str, text: &str, error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(0, |Range { start, .. }| start);
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    Problem::new(
        file,
        line_of(text, at),
        what,
        "correct the file; the chapter's neighbours show how",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_that_an_editor_can_follow() {
        let problem = Problem::new("book/text/a.md", 3, "no anchor `x`", "name one that exists");
        assert_eq!(problem.to_string(), "book/text/a.md:3: no anchor `x`; name one that exists");
    }

    #[test]
    fn a_table_is_found_by_its_head() {
        let text = "a = 1\n[b.c]\nd = 2\n";
        assert_eq!((line_of_table(text, "b.c"), line_of_table(text, "c")), (2, 1));
    }

    #[test]
    fn a_broken_toml_file_is_named_by_line() {
        let text = "a = 1\nb = = 2\n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        assert_eq!(toml_problem("x.toml", text, &error).line, 2);
    }
}
