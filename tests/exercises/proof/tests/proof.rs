//! The proof that the checks are right.
//!
//! Of every exercise: the solution passes; the stub fails with its own message; each mistake fails
//! and is recognised by its name; no two mistakes do the same; there are three hints; the chapter
//! and the section exist; the test has an entry in `Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use exercises::catalog::{ALL, CHAPTERS};
use exercises::exercise::{Exercise, Kind, Mistake, Versions};
use exercises::probe::{Part, ask};
use exercises::verdict::{Finding, Verdict, compare};

/// What was seen of every version of an exercise.
struct Seen {
    exercise: &'static Exercise,
    solution: Vec<Part>,
    /// The solution, asked a second time.
    again: Vec<Part>,
    stub: Vec<Part>,
    mistakes: Vec<(&'static Mistake, Vec<Part>)>,
}

impl Seen {
    fn of(versions: &Versions) -> Seen {
        Seen {
            exercise: versions.exercise,
            solution: ask(versions.solution),
            again: ask(versions.solution),
            stub: ask(versions.stub),
            mistakes: versions.mistakes().map(|(m, check)| (m, ask(check))).collect(),
        }
    }

    fn judge(&self, found: &[Part]) -> Verdict {
        compare(self.exercise, &self.solution, found, || self.mistakes.clone())
    }
}

/// Every exercise, asked on all processors.
static SEEN: LazyLock<Vec<Seen>> = LazyLock::new(|| {
    let all = exercise_proof::ALL;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let seen = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(versions) =
                    all.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let found = Seen::of(versions);
                    seen.lock().unwrap().push(found);
                }
            });
        }
    });
    seen.into_inner().unwrap()
});

/// Runs a claim for every exercise, and reports every one for which it fails.
fn for_all(claim: impl Fn(&Seen) -> Result<(), String>) {
    assert_eq!(SEEN.len(), ALL.len());
    let failed: Vec<String> = SEEN
        .iter()
        .filter_map(|seen| claim(seen).err().map(|why| format!("{}: {why}", seen.exercise.name)))
        .collect();
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
}

/// The directory of the exercises.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_solution_passes() {
    for_all(|seen| {
        for part in &seen.solution {
            if let Some(broken) = &part.broken {
                return Err(format!("{}: the solution breaks a rule: {broken}", part.name));
            }
            if let Some(panic) = &part.panic {
                return Err(format!("{}: {} at {}", part.name, panic.message, panic.place));
            }
            for (what, truth) in &part.computed {
                let guess = part.seen.iter().find(|(seen, _)| seen == what).map(|(_, value)| value);
                if guess.is_none_or(|guess| !guess.same(truth)) {
                    return Err(format!("{what}: {guess:?}, and computed it is {truth:?}"));
                }
            }
        }
        match seen.judge(&seen.solution).passes() {
            true => Ok(()),
            false => Err("the solution fails".into()),
        }
    });
}

#[test]
fn every_stub_fails_as_intended() {
    for_all(|seen| {
        let verdict = seen.judge(&seen.stub);
        match seen.exercise.bug {
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
    for_all(|seen| {
        if seen.mistakes.len() < 3 {
            return Err(format!("it has {} mistakes, not three", seen.mistakes.len()));
        }
        for (mistake, found) in &seen.mistakes {
            let verdict = seen.judge(found);
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
            let says = |finding: &Finding| match finding {
                Finding::Wrong(wrong) => {
                    let says = if wrong.is_the_bug { "as you found it" } else { mistake.says };
                    wrong.lines().concat().contains(says)
                }
                _ => false,
            };
            if !verdict.parts.iter().any(|(_, finding)| says(finding)) {
                return Err(format!("no message says what the mistake {} is", mistake.name));
            }
        }
        Ok(())
    });
}

#[test]
fn no_two_mistakes_do_the_same() {
    for_all(|seen| {
        for (i, (mistake, parts)) in seen.mistakes.iter().enumerate() {
            for (other, others) in &seen.mistakes[..i] {
                if parts.iter().zip(others).all(|(a, b)| a.same(b)) {
                    let names = (other.name, mistake.name);
                    return Err(format!("the mistakes {names:?} give the same numbers"));
                }
            }
        }
        let says: BTreeSet<_> = seen.mistakes.iter().map(|(mistake, _)| mistake.says).collect();
        match says.len() == seen.mistakes.len() {
            true => Ok(()),
            false => Err("two mistakes are described alike".into()),
        }
    });
}

#[test]
fn every_check_asks_the_same_twice() {
    for_all(|seen| {
        let (once, twice) = (&seen.solution, &seen.again);
        match once.len() == twice.len() && once.iter().zip(twice).all(|(a, b)| a.same(b)) {
            true => Ok(()),
            false => Err("the solution, asked twice, gives two answers".into()),
        }
    });
}

#[test]
fn every_exercise_is_described() {
    for_all(|seen| {
        let exercise = seen.exercise;
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
    for_all(|seen| {
        let exercise = seen.exercise;
        if !CHAPTERS.iter().any(|(path, _)| *path == exercise.chapter) {
            return Err(format!("the book has no chapter {}", exercise.chapter));
        }
        if !exercise.chapter.starts_with(exercise.part) {
            return Err(format!("it lies in {}, its chapter does not", exercise.part));
        }
        let path = home().join("../../book/text").join(format!("{}.md", exercise.chapter));
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        match anchors(&text).contains(exercise.section) {
            true => Ok(()),
            false => Err(format!("{} has no section {}", exercise.chapter, exercise.section)),
        }
    });
}

#[test]
fn every_exercise_has_its_test_and_every_test_its_exercise() {
    let manifest = fs::read_to_string(home().join("Cargo.toml")).expect("the manifest");
    for_all(|seen| {
        let Exercise { name, part, .. } = seen.exercise;
        let path = format!("{part}/{name}/test.rs");
        let listed =
            format!("name = \"{name}\"\npath = \"{path}\"\nharness = false\ntest = false\n");
        if !manifest.contains(&listed) {
            return Err(format!("tests/exercises/Cargo.toml lacks:\n[[test]]\n{listed}"));
        }
        let expected = format!(
            "//! Checks the reader's answer to `{name}`.\nexercises::check!(\"{name}\");\n"
        );
        match fs::read_to_string(home().join(&path)) {
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
