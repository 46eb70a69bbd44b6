//! One idea, one word: the field's.
//!
//! `vocabulary.toml` lists the words that were given up, each with the term that stands for it now.
//! Where one comes back, in code or in text, [`problems`] names the file and the line. A word that
//! is ordinary English elsewhere is listed with what may stand around it there.
//!
//! Matching is by the line as it is read: a word that is broken over two lines is found, comment
//! signs between its parts or not.

use std::fs;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use crate::places::Places;
use crate::problem::{Problem, line_of, toml_problem};

/// The file that lists the words, in the directory of the book.
pub const FILE: &str = "vocabulary.toml";

/// What `vocabulary.toml` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vocabulary {
    /// Files and directories that are read, from the root of the repository.
    read: Vec<String>,
    /// The ends of the names of the files that are read.
    ends: Vec<String>,
    /// Files and directories among them that are not read.
    skip: Vec<String>,
    /// The words.
    retired: Vec<Retired>,
}

/// A word that was given up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retired {
    /// The word, as a regular expression; a space stands for any space between two words.
    word: String,
    /// The term that stands for it.
    term: String,
    /// Regular expressions of what is ordinary English: a match inside one of them is no fault.
    #[serde(default)]
    except: Vec<String>,
    /// The beginnings of the paths where the word is looked for; without any, everywhere.
    #[serde(default)]
    only: Vec<String>,
}

/// A [`Retired`] word, ready to be looked for.
struct Rule<'a> {
    word: Regex,
    except: Vec<Regex>,
    retired: &'a Retired,
}

/// Every place where a retired word stands; none for a book without a list.
pub fn problems(places: &Places) -> Vec<Problem> {
    let name = places.name(FILE);
    let Ok(list) = fs::read_to_string(places.of(FILE)) else { return Vec::new() };
    let vocabulary: Vocabulary = match toml::from_str(&list) {
        Ok(vocabulary) => vocabulary,
        Err(error) => return vec![toml_problem(&name, &list, &error)],
    };
    let mut problems = Vec::new();
    let mut rules = Vec::new();
    for retired in &vocabulary.retired {
        match Rule::new(retired) {
            Ok(rule) => rules.push(rule),
            Err(error) => problems.push(Problem::new(
                &name,
                line_of(&list, list.find(&retired.word).unwrap_or(0)),
                error.to_string().lines().collect::<Vec<_>>().join(" "),
                "correct the regular expression",
            )),
        }
    }
    for path in &vocabulary.read {
        vocabulary.search(places, &name, path, &rules, &mut problems);
    }
    problems
}

impl Vocabulary {
    /// Looks through a file, or through all files below a directory.
    ///
    /// path: from the root of the repository, with `/` between its parts; list: the list's own name.
    fn search(
        &self,
        places: &Places,
        list: &str,
        path: &str,
        rules: &[Rule],
        problems: &mut Vec<Problem>,
    ) {
        let place = places.repository.join(path);
        if path == list || self.skip.iter().any(|skip| skip == path) {
            return;
        }
        if place.is_dir() {
            for name in names(&place) {
                self.search(places, list, &format!("{path}/{name}"), rules, problems);
            }
        } else if self.ends.iter().any(|end| path.ends_with(end.as_str())) {
            let Ok(text) = fs::read_to_string(&place) else { return };
            let rules = rules.iter().filter(|rule| rule.is_for(path));
            problems.extend(rules.flat_map(|rule| rule.problems(path, &text)));
        }
    }
}

impl<'a> Rule<'a> {
    fn new(retired: &'a Retired) -> Result<Self, regex::Error> {
        let except: Result<_, _> = retired.except.iter().map(|words| spaced(words)).collect();
        Ok(Rule { word: spaced(&retired.word)?, except: except?, retired })
    }

    fn is_for(&self, path: &str) -> bool {
        let only = &self.retired.only;
        only.is_empty() || only.iter().any(|start| path.starts_with(start.as_str()))
    }

    fn problems(&self, path: &str, text: &str) -> Vec<Problem> {
        let mut found = self.word.find_iter(text).peekable();
        if found.peek().is_none() {
            return Vec::new();
        }
        let english: Vec<_> = self
            .except
            .iter()
            .flat_map(|except| except.find_iter(text))
            .map(|m| m.range())
            .collect();
        let is_english = |found: &regex::Match| {
            english.iter().any(|range| range.start <= found.start() && found.end() <= range.end)
        };
        found
            .filter(|found| !is_english(found))
            .map(|found| {
                Problem::new(
                    path,
                    line_of(text, found.start()),
                    format!("`{}` is not the field's word", words(found.as_str())),
                    format!("write {}", self.retired.term),
                )
            })
            .collect()
    }
}

/// A regular expression in which a space matches what may stand between two words of running text:
/// spaces, and the end of a line with the signs of a comment or a string.
fn spaced(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&pattern.replace(' ', r"(?:[ \t]+|[ \t]*\\?\r?\n[ \t]*(?://[/!]?|[#>|*])*[ \t]*)"))
}

/// What was found, on one line.
fn words(found: &str) -> String {
    let parts =
        found.split_whitespace().filter(|part| !matches!(*part, "//" | "///" | "//!" | "\\"));
    parts.collect::<Vec<_>>().join(" ")
}

/// The names in a directory, sorted; what cannot be read has none, and neither has what begins
/// with a dot.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(word: &str, except: &[&str], text: &str) -> Vec<(usize, String)> {
        let except = except.iter().map(ToString::to_string).collect();
        let retired = Retired { word: word.into(), term: "x".into(), except, only: vec![] };
        let problems = Rule::new(&retired).unwrap().problems("a.rs", text);
        problems.into_iter().map(|problem| (problem.line, problem.problem)).collect()
    }

    #[test]
    fn a_word_is_found_where_it_stands() {
        let found = rule(r"\bgears\b", &[], "one\ntwo gears\ngearshift\n");
        assert_eq!(found, [(2, "`gears` is not the field's word".to_string())]);
    }

    #[test]
    fn a_word_is_found_over_the_end_of_a_line() {
        for text in [
            "x miles a\ngallon",
            "/// miles\n/// a gallon",
            "\"miles a \\\n    gallon\"",
            "miles  a\tgallon",
        ] {
            let found = rule("miles a gallon", &[], text);
            assert_eq!(found.len(), 1, "{text:?}");
            assert_eq!(found[0].1, "`miles a gallon` is not the field's word");
        }
        assert!(rule("miles a gallon", &[], "miles\n\nb a gallon").is_empty());
    }

    #[test]
    fn ordinary_english_is_left_alone() {
        let text = "open the door, or paint a door";
        assert_eq!(rule(r"\bdoor\b", &["open the door"], text).len(), 1);
        assert_eq!(rule(r"\bdoor\b", &["open the door", r"a door\b"], text).len(), 0);
    }
}
