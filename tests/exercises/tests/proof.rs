//! The proof that the checks are right.
//!
//! Of every exercise: the solution passes; the stub fails with its own message; each mistake fails
//! and is recognised by its name; no two mistakes do the same; there are three hints; the chapter
//! and the section exist; the test has an entry in `Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use exercises::catalog::{ALL, CHAPTERS};
use exercises::exercise::{Exercise, Kind};
use exercises::probe::ask;
use exercises::verdict::{Finding, judge};

/// Runs a claim for every exercise, and reports every one for which it fails.
fn for_all(claim: impl Fn(&'static Exercise) -> Result<(), String>) {
    let failed = ALL.iter().filter_map(|exercise| {
        claim(exercise).err().map(|why| format!("{}: {why}", exercise.name))
    });
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn every_solution_passes() {
    for_all(|exercise| {
        let verdict = judge(exercise, exercise.solution);
        for part in ask(exercise.solution) {
            if let Some(broken) = part.broken {
                return Err(format!("{}: the solution breaks a rule: {broken}", part.name));
            }
            if let Some(panic) = part.panic {
                return Err(format!("{}: {} at {}", part.name, panic.message, panic.place));
            }
            for (what, truth) in &part.computed {
                let guess = part.seen.iter().find(|(seen, _)| seen == what).map(|(_, value)| value);
                if guess.is_none_or(|guess| !guess.same(truth)) {
                    return Err(format!("{what}: {guess:?}, and computed it is {truth:?}"));
                }
            }
        }
        if verdict.passes() { Ok(()) } else { Err("the solution fails".into()) }
    });
}

#[test]
fn every_stub_fails_as_intended() {
    for_all(|exercise| {
        let verdict = judge(exercise, exercise.stub);
        match exercise.bug {
            Some(bug) => match verdict.mistake() {
                Some(mistake) if mistake.name == bug => Ok(()),
                other => Err(format!("the stub is taken for {:?}", other.map(|m| m.name))),
            },
            None if verdict.not_written() && !verdict.passes() => Ok(()),
            None => Err("the stub is not said to be unwritten".into()),
        }
    });
}

#[test]
fn every_mistake_is_recognised_by_its_name() {
    for_all(|exercise| {
        if exercise.mistakes.len() < 3 {
            return Err(format!("it has {} mistakes, not three", exercise.mistakes.len()));
        }
        for mistake in exercise.mistakes {
            let verdict = judge(exercise, mistake.probe);
            if verdict.passes() {
                return Err(format!("the mistake {} passes", mistake.name));
            }
            match verdict.mistake() {
                Some(found) if found.name == mistake.name => {}
                found => {
                    let found = found.map(|found| found.name);
                    return Err(format!("the mistake {} is taken for {found:?}", mistake.name));
                }
            }
            let message = |finding: &Finding| match finding {
                Finding::Wrong(wrong) => {
                    let says = if wrong.is_the_bug { "as you found it" } else { mistake.says };
                    wrong.lines().concat().contains(says)
                }
                _ => false,
            };
            if !verdict.parts.iter().any(|(_, finding)| message(finding)) {
                return Err(format!("no message says what the mistake {} is", mistake.name));
            }
        }
        Ok(())
    });
}

#[test]
fn no_two_mistakes_do_the_same() {
    for_all(|exercise| {
        let asked: Vec<_> = exercise.mistakes.iter().map(|m| (m.name, ask(m.probe))).collect();
        for (i, (name, parts)) in asked.iter().enumerate() {
            for (other, others) in &asked[..i] {
                if parts.iter().zip(others).all(|(a, b)| a.same(b)) {
                    return Err(format!("the mistakes {other} and {name} give the same numbers"));
                }
            }
        }
        let says: BTreeSet<_> = exercise.mistakes.iter().map(|m| m.says).collect();
        match says.len() == exercise.mistakes.len() {
            true => Ok(()),
            false => Err("two mistakes are described alike".into()),
        }
    });
}

#[test]
fn every_check_asks_the_same_twice() {
    for_all(|exercise| {
        let (once, twice) = (ask(exercise.solution), ask(exercise.solution));
        match once.len() == twice.len() && once.iter().zip(&twice).all(|(a, b)| a.same(b)) {
            true => Ok(()),
            false => Err("the solution, asked twice, gives two answers".into()),
        }
    });
}

#[test]
fn every_exercise_is_described() {
    for_all(|exercise| {
        let hints: BTreeSet<_> = exercise.hints.iter().map(|hint| hint.trim()).collect();
        if hints.len() != 3 || hints.contains("") {
            return Err("it needs three hints, each of its own".into());
        }
        if exercise.title.is_empty() || exercise.trains.is_empty() || exercise.minutes == 0 {
            return Err("a title, what it trains, and minutes are needed".into());
        }
        let ends_well = |text: &str| text.ends_with(['.', '?', ':', ')', '`']);
        for mistake in exercise.mistakes {
            if mistake.says.ends_with('.') || !ends_well(mistake.look) {
                return Err(format!("{}: `says` is no sentence, `look` is one", mistake.name));
            }
        }
        if (exercise.kind == Kind::FindTheBug) != exercise.bug.is_some() {
            return Err("`bug` belongs to the kind find-the-bug".into());
        }
        Ok(())
    });
}

/// The anchors of a page's headings, as mdBook makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().chars().filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        });
        kept.collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_chapter_and_section_exists() {
    for_all(|exercise| {
        if !CHAPTERS.iter().any(|(path, _)| *path == exercise.chapter) {
            return Err(format!("the book has no chapter {}", exercise.chapter));
        }
        if !exercise.chapter.starts_with(exercise.part) {
            return Err(format!("it lies in {}, its chapter does not", exercise.part));
        }
        let path = repository().join("book/text").join(format!("{}.md", exercise.chapter));
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        match anchors(&text).contains(exercise.section) {
            true => Ok(()),
            false => Err(format!("{} has no section {}", exercise.chapter, exercise.section)),
        }
    });
}

#[test]
fn every_exercise_has_its_test_and_every_test_its_exercise() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let manifest = manifest.expect("the manifest of this package");
    let listed = |exercise: &Exercise| {
        let Exercise { name, part, .. } = exercise;
        format!(
            "name = \"{name}\"\npath = \"{part}/{name}/test.rs\"\nharness = false\ntest = false\n"
        )
    };
    for_all(|exercise| match manifest.contains(&listed(exercise)) {
        true => Ok(()),
        false => Err(format!("Cargo.toml lacks:\n[[test]]\n{}", listed(exercise))),
    });
    for_all(|exercise| {
        let Exercise { name, part, .. } = exercise;
        let path = format!("{}/{part}/{name}/test.rs", env!("CARGO_MANIFEST_DIR"));
        let expected = format!(
            "//! Checks the reader's answer to `{name}`.\nexercises::check!(\"{name}\");\n"
        );
        match fs::read_to_string(&path) {
            Ok(text) if text == expected => Ok(()),
            _ => Err(format!("{path} must hold:\n{expected}")),
        }
    });
    assert_eq!(manifest.matches("path = \"part").count(), ALL.len(), "tests without an exercise");
}

#[test]
fn a_name_is_given_once() {
    let names: BTreeSet<&str> = ALL.iter().map(|exercise| exercise.name).collect();
    assert_eq!(names.len(), ALL.len());
}
