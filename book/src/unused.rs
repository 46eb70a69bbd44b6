//! What lies beside the chapters and no chapter takes.
//!
//! It would be maintained for no reader: an output that is run again on every check, a symbol in
//! the page of notation that no sentence explains.

use std::fs;

use crate::outputs::ROUNDING;
use crate::places::files;
use crate::problem::{Problem, line_of_table};
use crate::weave::Weaver;

impl Weaver<'_> {
    /// Notes that a chapter shows a file of the book.
    pub fn shows(&mut self, file: String) {
        self.shown.insert(file);
    }

    /// Reports all that no chapter takes, once every chapter has been woven.
    pub fn check_unused(&mut self) {
        let mut problems = self.without_chapter();
        problems.extend(self.outputs_not_shown());
        problems.extend(self.figures_not_shown());
        problems.extend(self.symbols_not_introduced());
        self.woven.problems.extend(problems);
    }

    /// Quizzes and cards belong to a chapter, and it shows its quiz. Cards have a page of their own.
    fn without_chapter(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let quizzes = self.shelf.quizzes.keys().map(|name| ("quizzes", name));
        let cards = self.shelf.cards.keys().map(|name| ("cards", name));
        for (directory, name) in quizzes.chain(cards) {
            let file = format!("{directory}/{name}.toml");
            let (problem, remedy) = if !self.chapters.iter().any(|c| c.stem() == name) {
                (
                    format!("there is no chapter `{name}.md` in SUMMARY.md"),
                    "name the file as its chapter is named, or write the chapter".to_string(),
                )
            } else if directory == "quizzes" && !self.shown.contains(&file) {
                (
                    format!("no chapter shows the quiz `{name}`"),
                    format!("put {{{{#quiz {name}}}}} into {name}.md, or delete the file"),
                )
            } else {
                continue;
            };
            problems.push(Problem::new(self.shelf.places.name(&file), 1, problem, remedy));
        }
        problems
    }

    /// An output is recorded to be shown. One is not: it tells how the processor rounds.
    fn outputs_not_shown(&self) -> Vec<Problem> {
        let names = self.shelf.outputs.keys().filter(|name| *name != ROUNDING);
        names
            .map(|name| (name, format!("outputs/{name}.txt")))
            .filter(|(_, file)| !self.shown.contains(file))
            .map(|(name, file)| {
                let file = self.shelf.places.name(&file);
                let problem = format!("no chapter shows the output `{name}`");
                let remedy = format!("show it with {{{{#output {name}}}}}, or delete the file");
                Problem::new(file, 1, problem, remedy)
            })
            .collect()
    }

    /// A figure is named where it is declared; a picture that nothing declares is named itself.
    fn figures_not_shown(&self) -> Vec<Problem> {
        let places = &self.shelf.places;
        let declarations = fs::read_to_string(places.of("outputs/figures.toml"));
        let declarations = declarations.unwrap_or_default();
        let drawn = files(&places.of("outputs"), "svg").into_iter().map(|(name, _)| name);
        let mut names: Vec<_> = self.shelf.figures.keys().cloned().chain(drawn).collect();
        names.sort();
        names.dedup();
        let mut problems = Vec::new();
        for name in names {
            let picture = format!("outputs/{name}.svg");
            if self.shown.contains(&picture) {
                continue;
            }
            let show = format!("show it with {{{{#figure {name} \"words\" \"caption\"}}}}");
            let problem = format!("no chapter shows the figure `{name}`");
            problems.push(match self.shelf.figures.contains_key(&name) {
                true => Problem::new(
                    places.name("outputs/figures.toml"),
                    line_of_table(&declarations, &name),
                    problem,
                    format!("{show}, or delete [{name}] and {picture}"),
                ),
                false => Problem::new(
                    places.name(&picture),
                    1,
                    problem,
                    format!("declare it in outputs/figures.toml and {show}, or delete the file"),
                ),
            });
        }
        problems
    }

    /// A symbol that no table introduces is never explained.
    fn symbols_not_introduced(&self) -> Vec<Problem> {
        let file = "notation.toml";
        let text = fs::read_to_string(self.shelf.places.of(file)).unwrap_or_default();
        let ids = self.shelf.notation.symbols.keys();
        ids.filter(|id| !self.introduced.contains_key(*id))
            .map(|id| {
                Problem::new(
                    self.shelf.places.name(file),
                    line_of_table(&text, &format!("symbols.{id}")),
                    format!("no chapter introduces the symbol `{id}`"),
                    format!(
                        "put {{{{#symbols {id}}}}} where a reader first meets it, or delete the \
                         symbol"
                    ),
                )
            })
            .collect()
    }
}
