//! What is said of an answer: passed, not written yet, or where it differs and why.
//!
//! An answer is held to the solution, function by function. Where it differs, every mistake of the
//! exercise is asked the same, and the one that computes what the answer computes is named. So
//! the reader learns not only that a number is wrong, but which thought made it.

use std::cell::LazyCell;

use crate::exercise::{Exercise, Kind, Mistake, Versions};
use crate::probe::{Panic, Part, ask};
use crate::value::{Value, short};

/// What is said of an answer.
pub struct Verdict {
    /// Each function in order, and what was found of it.
    pub parts: Vec<(String, Finding)>,
}

/// What was found of a function.
pub enum Finding {
    /// It computes what the solution computes. Numbers that the machine has worked out beside a
    /// guess: what they are, and their value.
    Right(Vec<(String, Value)>),
    /// It is still `todo!()`.
    NotWritten,
    /// It is wrong.
    Wrong(Box<Wrong>),
}

/// A function that is wrong.
pub struct Wrong {
    /// Which rule is broken, where one is.
    pub rule: Option<String>,
    /// The first result that differs, where one does.
    pub difference: Option<Difference>,
    /// The panic that ended it, where one has.
    pub panic: Option<Panic>,
    /// The last result before the panic.
    pub last: Option<String>,
    /// The mistake that computes the same.
    pub mistake: Option<&'static Mistake>,
    /// Whether this mistake is the bug that is to be found: then it is not named.
    pub is_the_bug: bool,
    /// Whether the right number may be shown. Not where it is what the reader is to work out.
    pub shows_expected: bool,
}

/// A result that differs.
pub struct Difference {
    /// What it is.
    pub what: String,
    /// What the answer gives.
    pub found: Value,
    /// What the solution gives.
    pub expected: Value,
}

impl Verdict {
    /// Whether the answer passes.
    pub fn passes(&self) -> bool {
        self.parts.iter().all(|(_, finding)| matches!(finding, Finding::Right(_)))
    }

    /// The first mistake that was recognised.
    pub fn mistake(&self) -> Option<&'static Mistake> {
        self.parts.iter().find_map(|(_, finding)| match finding {
            Finding::Wrong(wrong) => wrong.mistake,
            _ => None,
        })
    }

    /// Whether some function is not written yet.
    pub fn not_written(&self) -> bool {
        self.parts.iter().any(|(_, finding)| matches!(finding, Finding::NotWritten))
    }
}

/// Compares what was seen of an answer with what is seen of the solution and of the mistakes.
pub fn verdict(versions: &Versions, found: &[Part]) -> Verdict {
    let mistakes = || versions.mistakes().map(|(mistake, check)| (mistake, ask(check))).collect();
    compare(versions.exercise, &ask(versions.solution), found, mistakes)
}

/// [`verdict`] where the solution was asked already. The mistakes are asked only if the answer is
/// wrong.
pub fn compare(
    exercise: &'static Exercise,
    expected: &[Part],
    found: &[Part],
    mistakes: impl FnOnce() -> Mistakes,
) -> Verdict {
    let mistakes = LazyCell::new(mistakes);
    let parts = expected.iter().zip(found).map(|(expected, found)| {
        let finding = finding(exercise, expected, found, &mistakes);
        (expected.name.clone(), finding)
    });
    Verdict { parts: parts.collect() }
}

/// The mistakes of an exercise, and what was seen of each.
pub type Mistakes = Vec<(&'static Mistake, Vec<Part>)>;

fn finding(
    exercise: &'static Exercise,
    expected: &Part,
    found: &Part,
    mistakes: &LazyCell<Mistakes, impl FnOnce() -> Mistakes>,
) -> Finding {
    if found.panic.as_ref().is_some_and(Panic::is_todo) {
        return Finding::NotWritten;
    }
    if found.same(expected) {
        return Finding::Right(found.computed.clone());
    }
    let pairs = expected.seen.iter().zip(&found.seen);
    let difference = (pairs.clone()).find(|((_, expected), (_, found))| !found.same(expected));
    let difference = difference.map(|((what, expected), (_, found))| Difference {
        what: what.clone(),
        found: found.clone(),
        expected: expected.clone(),
    });
    let does_the_same =
        |parts: &[Part]| parts.iter().any(|p| p.name == expected.name && p.same(found));
    let mistake = mistakes.iter().find(|(_, parts)| does_the_same(parts));
    let mistake = mistake.map(|(mistake, _)| *mistake);
    Finding::Wrong(Box::new(Wrong {
        rule: found.broken.clone(),
        difference,
        panic: found.panic.clone(),
        last: found.seen.last().map(|(what, _)| what.clone()),
        mistake,
        is_the_bug: mistake.is_some_and(|mistake| exercise.bug == Some(mistake.name)),
        shows_expected: !matches!(exercise.kind, Kind::Predict | Kind::Experiment),
    }))
}

impl Wrong {
    /// The finding in lines. Those that begin with a space are numbers, and are not wrapped.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.rule.as_ref().map(|rule| match rule.ends_with('?') {
            true => rule.clone(),
            false => format!("{rule}."),
        }));
        if let Some(Difference { what, found, expected }) = &self.difference {
            lines.push(format!("{what}:"));
            let place = found.difference(expected).unwrap_or_default();
            let same_kind = found.kind() == expected.kind();
            let both = [("yours", found), ("expected", expected)];
            for (name, value) in both.into_iter().take(if self.shows_expected { 2 } else { 1 }) {
                let kind = if same_kind { String::new() } else { format!("  ({})", value.kind()) };
                for (i, line) in value.lines(&place).into_iter().enumerate() {
                    let name = if i == 0 { name } else { "" };
                    let kind = if i == 0 { &*kind } else { "" };
                    lines.push(format!("  {name:<8}  {line}{kind}"));
                }
            }
            if self.shows_expected {
                lines.extend(first_difference(found, expected, &place));
            }
        }
        if let Some(Panic { message, place }) = &self.panic {
            let place = match place.find("answers/") {
                Some(at) => format!("at {}", &place[at..]),
                None => "inside a library that it calls".into(),
            };
            lines.push(format!("Your code panicked {place}: {message}"));
            lines.extend(
                self.last.as_ref().map(|what| format!("The last result before it: {what}.")),
            );
        }
        match self.mistake {
            Some(_) if self.is_the_bug => {
                lines.push("This is what the file computes as you found it.".into());
            }
            Some(mistake) => {
                // Many thoughts end in the same panic; the same numbers come from one.
                lines.push(match self.panic {
                    Some(_) => format!("A likely cause is {}.", mistake.says),
                    None => format!("These are exactly the numbers of {}.", mistake.says),
                });
                lines.push(mistake.look.to_owned());
            }
            None if lines.is_empty() => lines.push("It stops before its last result.".into()),
            None => {}
        }
        lines
    }
}

/// Which of many numbers is the first that differs.
fn first_difference(found: &Value, expected: &Value, place: &[usize]) -> Option<String> {
    let numbers = |i: usize, j: usize| match (found, expected) {
        (Value::Row(a), Value::Row(b)) => Some((a[i], b[i])),
        (Value::Table(a), Value::Table(b)) => Some((a[[i, j]], b[[i, j]])),
        (Value::Counts(a), Value::Counts(b)) => Some((a[i] as f64, b[i] as f64)),
        _ => None,
    };
    let (which, (a, b)) = match *place {
        [i] => (format!("[{i}]"), numbers(i, 0)?),
        [i, j] => (format!("[{i}, {j}]"), numbers(i, j)?),
        _ => return None,
    };
    Some(format!("  the first difference is at {which}: {} for {}", short(a), short(b)))
}
