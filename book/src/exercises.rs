//! Exercises at the end of a chapter, and the page with all of them.
//!
//! They lie in `tests/exercises/partN/NAME/exercise.toml`; what else stands there (hints, mistakes)
//! is for the program that checks them, and is not shown.

use std::path::Path;

use serde::Deserialize;

use crate::chapter::Chapter;
use crate::markdown::{as_block, escape};
use crate::places::Places;
use crate::problem::{Problem, toml_problem};
use crate::weave::Weaver;

/// What the book says of an exercise.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Exercise {
    /// Its name: of its directory and of its test.
    #[serde(skip)]
    pub name: String,
    /// Its title.
    pub title: String,
    /// What is to be done: `implement`, `find-the-bug`, `predict`, `experiment`, `blank`.
    pub kind: String,
    /// Its chapter, without `.md`.
    pub chapter: String,
    /// The section that it follows.
    pub section: String,
    /// Its place in the chapter.
    pub place: u32,
    /// What it trains.
    pub trains: String,
    /// How long it may take.
    pub minutes: u32,
    /// Whether the reader's own GPT is made of it.
    #[serde(default)]
    pub gpt: bool,
}

impl Exercise {
    /// The kind in words.
    fn kind(&self) -> String {
        self.kind.replace('-', " ")
    }
}

/// All exercises of a repository, sorted by name, and what cannot be read.
pub fn load(places: &Places) -> (Vec<Exercise>, Vec<Problem>) {
    let (mut exercises, mut problems) = (Vec::new(), Vec::new());
    let home = places.repository.join("tests/exercises");
    for part in directories(&home).filter(|part| part.starts_with("part")) {
        for name in directories(&home.join(&part)) {
            let file = format!("tests/exercises/{part}/{name}/exercise.toml");
            let Ok(text) = std::fs::read_to_string(places.repository.join(&file)) else { continue };
            match toml::from_str::<Exercise>(&text) {
                Ok(exercise) => exercises.push(Exercise { name, ..exercise }),
                Err(error) => problems.push(toml_problem(&file, &text, &error)),
            }
        }
    }
    exercises.sort_by(|a, b| (a.place, &a.name).cmp(&(b.place, &b.name)));
    (exercises, problems)
}

fn directories(of: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = std::fs::read_dir(of).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_dir()).filter_map(|e| e.file_name().into_string().ok())
}

impl Weaver<'_> {
    fn exercises_of(&self, chapter: &Chapter) -> Vec<Exercise> {
        let path = chapter.path.trim_end_matches(".md");
        let here = self.shelf.exercises.iter().filter(|exercise| exercise.chapter == path);
        here.cloned().collect()
    }

    /// The exercises of this chapter.
    pub(crate) fn exercises(&mut self, line: usize) -> String {
        let exercises = self.exercises_of(self.chapter);
        if exercises.is_empty() {
            let problem = "{{#exercises}} in a chapter that has none";
            let remedy = "write one in tests/exercises, or take the directive out";
            self.problem(line, problem, remedy);
            return String::new();
        }
        let mut html = String::from("<ul class=\"exercises\">\n");
        for Exercise { name, title, section, trains, minutes, gpt, .. } in &exercises {
            let kind = exercises.iter().find(|e| e.name == *name).map(Exercise::kind);
            let own = if *gpt { " · part of your own GPT" } else { "" };
            html += &format!(
                "<li id=\"exercise-{name}\"><b>{}</b> ({}, {minutes} min{own}): {}. \
                 <a href=\"#{section}\">section</a>\n\
                 <pre><code class=\"nohighlight\">cargo run -p exercises -- watch {name}</code></pre></li>\n",
                escape(title),
                kind.unwrap_or_default(),
                self.inline_html(trains, line),
            );
        }
        as_block(&(html + "</ul>"))
    }

    /// A table of all exercises, in the order of the book.
    pub(crate) fn exercise_table(&mut self, line: usize) -> String {
        let mut table = String::from(
            "| chapter | exercise | kind | what it trains | minutes |\n|---|---|---|---|---|\n",
        );
        for chapter in self.chapters {
            let mut home = self.chapter_link(&chapter.path);
            for exercise in self.exercises_of(chapter) {
                let Exercise { name, trains, minutes, .. } = &exercise;
                let href = format!("{}#exercise-{name}", self.to(&chapter.path));
                let trains = self.inline(trains, line);
                let own = if exercise.gpt { " *" } else { "" };
                table += &format!(
                    "| {home} | [`{name}`]({href}){own} | {} | {trains} | {minutes} |\n",
                    exercise.kind()
                );
                home = String::new();
            }
        }
        table
    }

    /// Chapters that have exercises and do not list them.
    pub(crate) fn check_exercises(&mut self) {
        for chapter in self.chapters {
            let lists = chapter.text.lines().any(|line| line.trim() == "{{#exercises}}");
            if !self.exercises_of(chapter).is_empty() && !lists {
                let file = self.shelf.places.name(&format!("text/{}", chapter.path));
                let problem = "the exercises of this chapter are not listed";
                let remedy = "write {{#exercises}} under its quiz";
                self.woven.problems.push(Problem::new(file, 1, problem, remedy));
            }
        }
    }
}
