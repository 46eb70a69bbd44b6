//! What is known of an exercise.

use crate::probe::Probe;

/// What is asked of a version of an answer: a solution, a stub, a mistake, the reader's file.
pub type Check = fn(&mut Probe);

/// An exercise.
pub struct Exercise {
    /// Its name: of its directory, of its test, of the reader's file.
    pub name: &'static str,
    /// Its part of the book: `part1`.
    pub part: &'static str,
    /// What the list calls it.
    pub title: &'static str,
    /// What is to be done.
    pub kind: Kind,
    /// The chapter after which it comes: `part1/surprise`.
    pub chapter: &'static str,
    /// The section of the chapter to read again: an anchor of the page.
    pub section: &'static str,
    /// What it trains, in a few words.
    pub trains: &'static str,
    /// How long it may take a reader.
    pub minutes: u32,
    /// How long its check may run, in seconds.
    pub seconds: u64,
    /// The idea, the formula, nearly the code.
    pub hints: [&'static str; 3],
    /// The mistake with which the reader's file begins, where a bug is to be found.
    pub bug: Option<&'static str>,
    /// Whether its functions are a part of the reader's own GPT.
    pub gpt: bool,
    /// The text of the solution.
    pub solution_text: &'static str,
    /// The text that the reader begins with.
    pub stub_text: &'static str,
    /// Mistakes that are likely.
    pub mistakes: &'static [Mistake],
}

/// A plausible wrong answer.
pub struct Mistake {
    /// Its name, in its exercise.
    pub name: &'static str,
    /// What it computes: "these are exactly the numbers of …".
    pub says: &'static str,
    /// Where to look, and why.
    pub look: &'static str,
}

/// Every version of an answer, to be asked.
pub struct Versions {
    /// The exercise.
    pub exercise: &'static Exercise,
    /// Asks the solution.
    pub solution: Check,
    /// Asks the stub.
    pub stub: Check,
    /// Asks each mistake, in the order of [`Exercise::mistakes`].
    pub mistakes: &'static [Check],
}

impl Versions {
    /// The mistakes, and what asks them.
    pub fn mistakes(&self) -> impl Iterator<Item = (&'static Mistake, Check)> + use<> {
        self.exercise.mistakes.iter().zip(self.mistakes.iter().copied())
    }
}

/// The kinds of exercises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Write a function.
    Implement,
    /// Mend a file that compiles, runs, and is wrong.
    FindTheBug,
    /// Work out a number, and see it computed.
    Predict,
    /// Change a setting, run it, explain what came out.
    Experiment,
    /// A larger task: a specification and a blank file.
    Blank,
}

impl Kind {
    /// What the list calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Implement => "implement",
            Kind::FindTheBug => "find the bug",
            Kind::Predict => "predict",
            Kind::Experiment => "experiment",
            Kind::Blank => "blank file",
        }
    }
}
