//! What a book has beside its chapters: symbols, quizzes, cards, recorded outputs, figures.
//!
//! Everything is read once. A file that cannot be read is a problem with a line, and the others
//! are read all the same.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::rc::Rc;

use mdbook_driver::errors::Result;
use regex::Regex;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cards::{Deck, double_terms};
use crate::exercises::{self, Exercise};
use crate::notation::Notation;
use crate::places::{Places, files};
use crate::problem::{Problem, toml_problem};
use crate::quiz::Quiz;
use crate::recorded::{Leeway, Recorded, seconds};
use crate::runs::{Ran, Runs};

/// How a figure is made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureSource {
    /// The command that writes it; `{}` stands for the file, or `{dir}` for a directory.
    pub command: Option<String>,
    /// The file to take out of that directory.
    pub file: Option<String>,
    /// Whether a function of [`crate::figures`] draws it.
    #[serde(default)]
    pub drawn: bool,
    /// Numbers in it may differ by this fraction of themselves.
    #[serde(default)]
    pub tolerance: f64,
    /// What may vary in it, as regular expressions.
    #[serde(default)]
    pub vary: Vec<String>,
    /// Whether it depends on how the processor rounds.
    #[serde(default)]
    pub rounding: bool,
    /// About how long the command takes: `20 s`.
    pub time: Option<String>,
}

impl FigureSource {
    /// How far a fresh picture may differ.
    pub fn leeway(&self) -> Leeway {
        let vary = self.vary.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect();
        Leeway { vary, tolerance: self.tolerance, rounding: self.rounding }
    }

    /// About how many seconds it takes to make.
    pub fn seconds(&self) -> f64 {
        self.time.as_deref().and_then(seconds).unwrap_or(1.0)
    }
}

/// All that lies beside the chapters.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Where it lies.
    pub places: Places,
    /// The symbols.
    pub notation: Notation,
    /// The quizzes, by the names of their chapters.
    pub quizzes: BTreeMap<String, Quiz>,
    /// The exercises, sorted by their places.
    pub exercises: Vec<Exercise>,
    /// The cards, by the names of their chapters.
    pub cards: BTreeMap<String, Deck>,
    /// The recorded outputs by name.
    pub outputs: BTreeMap<String, Recorded>,
    /// How the figures are made, by name.
    pub figures: BTreeMap<String, FigureSource>,
    /// What is wrong with all these.
    pub problems: Vec<Problem>,
    /// Whether this processor rounds as the one did on which the outputs were recorded, once it
    /// has been asked.
    pub(crate) rounds_alike: OnceCell<bool>,
    /// The commands that have been run.
    pub(crate) runs: Runs,
}

impl Shelf {
    /// Reads everything.
    pub fn load(places: &Places) -> Self {
        let mut shelf = Self { places: places.clone(), ..Self::default() };
        if let Some((notation, _)) = shelf.toml("notation.toml") {
            shelf.notation = notation;
        }
        if let Some((figures, _)) = shelf.toml("outputs/figures.toml") {
            shelf.figures = figures;
        }
        shelf.check_figures();
        let (exercises, problems) = exercises::load(places);
        (shelf.exercises, shelf.problems) = (exercises, [shelf.problems, problems].concat());
        for (chapter, _) in files(&places.of("quizzes"), "toml") {
            let file = format!("quizzes/{chapter}.toml");
            if let Some((mut quiz, text)) = shelf.toml::<Quiz>(&file) {
                shelf.problems.extend(quiz.problems(&places.name(&file), &text));
                shelf.quizzes.insert(chapter, quiz);
            }
        }
        for (chapter, _) in files(&places.of("cards"), "toml") {
            let file = format!("cards/{chapter}.toml");
            if let Some((mut deck, text)) = shelf.toml::<Deck>(&file) {
                shelf.problems.extend(deck.problems(&places.name(&file), &text));
                shelf.cards.insert(chapter, deck);
            }
        }
        for (chapter, line, problem) in double_terms(&shelf.cards) {
            let file = places.name(&format!("cards/{chapter}.toml"));
            let remedy = "leave the `term` to the chapter that explains it best";
            shelf.problems.push(Problem::new(file, line, problem, remedy));
        }
        for (name, path) in files(&places.of("outputs"), "txt") {
            let file = places.name(&format!("outputs/{name}.txt"));
            let read = fs::read_to_string(&path).map_err(|error| (1, error.to_string()));
            match read.and_then(|text| Recorded::parse(&text)) {
                Ok(recorded) => drop(shelf.outputs.insert(name, recorded)),
                Err((line, what)) => shelf.problems.push(Problem::new(
                    file,
                    line,
                    what,
                    "begin the file with `$ ` and a command, then `# vary:`, `# tolerance:` or \
                     `# time: 20 s` where needed, an empty line, and the output",
                )),
            }
        }
        shelf
    }

    /// Whether a file is in the repository.
    pub fn has(&self, file: &str) -> bool {
        self.places.repository.join(file).exists()
    }

    /// Runs a command, if it has not been run yet.
    ///
    /// # Errors
    /// When there is no place for the files that it writes.
    pub fn run(&self, before: &[String], command: &str, fails: bool) -> Result<Rc<Ran>> {
        self.runs.run(&self.places.repository, before, command, fails)
    }

    /// Reads a TOML file of the book, and its text with it; a missing one is none.
    fn toml<T: DeserializeOwned>(&mut self, file: &str) -> Option<(T, String)> {
        let text = fs::read_to_string(self.places.of(file)).ok()?;
        match toml::from_str(&text) {
            Ok(value) => Some((value, text)),
            Err(error) => {
                self.problems.push(toml_problem(&self.places.name(file), &text, &error));
                None
            }
        }
    }

    fn check_figures(&mut self) {
        let file = self.places.name("outputs/figures.toml");
        for (name, source) in &self.figures {
            let what = match &source.command {
                None if !source.drawn => "has neither a command nor `drawn = true`",
                Some(command) if source.file.is_some() != command.contains("{dir}") => {
                    "has a `file` without `{dir}` in its command, or the other way round"
                }
                Some(command) if source.file.is_none() && !command.contains("{}") => {
                    "has a command without `{}`"
                }
                None if !crate::figures::known(name) => {
                    "is drawn, but no function of book/src/figures has this name"
                }
                _ if source.vary.iter().any(|pattern| Regex::new(pattern).is_err()) => {
                    "has a `vary` that is no regular expression"
                }
                _ => continue,
            };
            let remedy = "say how the figure is made: `command = \"cargo run -p … {}\"`, where {} \
                          is the file to write, or `drawn = true`";
            self.problems.push(Problem::new(
                &file,
                1,
                format!("the figure `{name}` {what}"),
                remedy,
            ));
        }
    }
}
