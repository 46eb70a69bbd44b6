//! Faults: lines of the data that cannot be used, each with its place and a remedy.
//!
//! A file of conversations is often written by several people, and one fault seldom comes alone. So
//! reading goes on behind a fault, and the first few are shown together. What this file leaves out:
//! faults of a file as a whole, which end the reading.

use std::fmt;

use stage01_bigram::Error;
use stage01_bigram::text::thousands;
use stage01_bigram::text::{printable, shorten};

/// How many faults are kept; the others are counted.
const KEPT: usize = 10;

/// The longest problem that is shown, in characters: it may have text of the file in it.
const LONGEST: usize = 400;

/// One line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file and the line, `train.jsonl:17`.
    pub place: String,
    /// What was found there.
    pub problem: String,
    /// What was expected, or what to do.
    pub remedy: String,
}

impl Fault {
    /// A fault at a place.
    pub fn new(
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Fault {
        Fault { place: place.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// The fault of an example that could not be made.
    pub(super) fn of(place: impl Into<String>, error: Error) -> Fault {
        match error {
            Error::Text { origin, problem, remedy } => {
                Fault::new(place, format!("{origin}: {problem}"), remedy)
            }
            other => Fault::new(place, other.to_string(), "correct it"),
        }
    }
}

impl fmt::Display for Fault {
    /// One line, for any content of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = printable(&self.problem);
        let line = format!("{}: {}; {}", self.place, shorten(&problem, LONGEST), self.remedy);
        f.write_str(&printable(&line))
    }
}

/// All faults: the first ten, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<Fault>,
    count: usize,
}

impl Faults {
    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(fault);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first ten.
    pub fn first(&self) -> &[Fault] {
        &self.first
    }

    /// A line for each of the first ten, and one that counts the others.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.first.iter().map(Fault::to_string).collect();
        if self.count > lines.len() {
            lines.push(format!("… and {} more", thousands(self.count - lines.len())));
        }
        lines
    }

    /// The error that ends a command which takes no faults: the first one, and how many more there
    /// are. `None` without a fault.
    ///
    /// skipped: whether such lines are left out already, and none was left.
    pub fn error(&self, skipped: bool) -> Option<Error> {
        let Fault { place, problem, remedy } = self.first.first()?.clone();
        let more = match self.count - 1 {
            0 => String::new(),
            1 => " (1 more line cannot be used)".into(),
            more => format!(" (and {} more lines cannot be used)", thousands(more)),
        };
        let remedy = match skipped {
            true => format!("no line was left; {remedy}{more}"),
            false => format!("{remedy}, or leave such lines out with --skip-bad{more}"),
        };
        Some(Error::text(place, problem, remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ten_are_shown_and_the_others_counted() {
        let mut faults = Faults::default();
        assert!(faults.error(false).is_none() && faults.lines().is_empty());
        faults.push(Fault::new("a.jsonl:1", "not\n\u{1b}JSON", "correct it"));
        let expected = "a.jsonl:1: not\\n\\u{1b}JSON; correct it, or leave such lines out with \
                        --skip-bad";
        assert_eq!(faults.error(false).unwrap().to_string(), expected);
        for line in 2..=1012 {
            faults.push(Fault::new(format!("a.jsonl:{line}"), "x".repeat(1000), "correct it"));
        }
        let lines = faults.lines();
        assert_eq!((lines.len(), faults.count()), (11, 1012));
        assert_eq!(lines[0], "a.jsonl:1: not\\n\\u{1b}JSON; correct it");
        assert!(lines[1].starts_with("a.jsonl:2: xxx") && lines[1].ends_with("…; correct it"));
        assert_eq!(lines[10], "… and 1,002 more");
        assert!(
            faults
                .error(false)
                .unwrap()
                .to_string()
                .ends_with("(and 1,011 more lines cannot be used)")
        );
    }
}
