//! From the directories of the exercises to code, and to the reader's files.
//!
//! `partN/NAME/` holds an exercise: `answer.rs` (its solution), `check.rs` (what it is asked) and
//! `exercise.toml` (title, hints, mistakes). This script makes of them, for `src/catalog.rs`:
//!
//! - the **solution**: `answer.rs` without what stands between `// STUB` and `// END`;
//! - the **stub** that the reader begins with: what stands between `// SOLUTION` and `// STUB` is
//!   replaced by what stands, as comments, between `// STUB` and `// END`. Where the reader is to
//!   find a bug, the stub is one of the mistakes;
//! - the **mistakes**: the solution with some of its text replaced. The text must occur once.
//!
//! It also lays out the reader's files: `answers/partN/NAME.rs` at the root of the repository, a
//! stub where there is no file yet. A file that the reader has changed is never touched. One that
//! is still the stub of an earlier version of the course becomes the stub of this one.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What `exercise.toml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    title: String,
    kind: String,
    chapter: String,
    section: String,
    /// Its place among the exercises of its chapter.
    place: u32,
    trains: String,
    minutes: u32,
    /// How long the check may take.
    #[serde(default = "ten")]
    seconds: u64,
    /// The mistake that the reader is to find: the stub.
    bug: Option<String>,
    /// Whether its functions are a part of the reader's own GPT.
    #[serde(default)]
    gpt: bool,
    /// Other exercises whose functions this one calls.
    #[serde(default)]
    uses: Vec<String>,
    hints: [String; 3],
    #[serde(default, rename = "mistake")]
    mistakes: Vec<Mistake>,
}

fn ten() -> u64 {
    10
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    name: String,
    /// Pairs: this text of the solution becomes that.
    change: Vec<[String; 2]>,
    /// The numbers "are exactly those of …".
    says: String,
    /// Where to look.
    look: String,
}

/// An exercise and its directory.
struct Exercise {
    part: String,
    name: String,
    directory: PathBuf,
    about: About,
    solution: String,
    stub: String,
}

fn main() -> Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.join("../..");
    let root = root.canonicalize().unwrap_or(root);
    let answers = root.join("answers");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    let mut exercises = Vec::new();
    for part in directories(&here)? {
        if !name_of(&part).starts_with("part") {
            continue;
        }
        println!("cargo::rerun-if-changed={}", part.display());
        for directory in directories(&part)? {
            let exercise = read(name_of(&part), &directory)
                .map_err(|error| format!("{}: {error}", directory.display()))?;
            exercises.push(exercise);
        }
    }
    let summary = root.join("book/text/SUMMARY.md");
    println!("cargo::rerun-if-changed={}", summary.display());
    let chapters = chapters(&fs::read_to_string(summary)?);
    let place = |exercise: &Exercise| {
        let chapter = chapters.iter().position(|(path, _)| *path == exercise.about.chapter);
        (chapter, exercise.about.place, exercise.name.clone())
    };
    exercises.sort_by_key(place);
    let mut code = String::new();
    for exercise in &exercises {
        write_exercise(&mut code, exercise, &answers, &out)
            .map_err(|error| format!("{}: {error}", exercise.directory.display()))?;
    }
    writeln!(code, "/// The chapters of the book, in their order: path and title.")?;
    writeln!(code, "pub static CHAPTERS: &[(&str, &str)] = &{chapters:?};")?;
    writeln!(code, "/// Every exercise, in the order of the book.")?;
    let names: Vec<String> = exercises.iter().map(|e| format!("&{}::EXERCISE", e.name)).collect();
    writeln!(code, "pub static ALL: &[&Exercise] = &[{}];", names.join(", "))?;
    fs::write(out.join("catalog.rs"), code)?;
    if let Err(error) = lay_out(&exercises, &answers) {
        println!("cargo::warning=the reader's files could not be laid out in answers/: {error}");
    }
    Ok(())
}

/// The chapters of the book: `- [Title](path.md)`.
fn chapters(summary: &str) -> Vec<(String, String)> {
    let chapter = |line: &str| {
        let (title, path) = line.trim().strip_prefix("- [")?.split_once("](")?;
        Some((path.strip_suffix(".md)")?.to_owned(), title.to_owned()))
    };
    summary.lines().filter_map(chapter).collect()
}

fn directories(of: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(of)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn read(part: &str, directory: &Path) -> Result<Exercise> {
    let about: About = toml::from_str(&fs::read_to_string(directory.join("exercise.toml"))?)?;
    let text = fs::read_to_string(directory.join("answer.rs"))?;
    let (solution, mut stub) = two_versions(&text)?;
    if let Some(bug) = &about.bug {
        let mistake = about.mistakes.iter().find(|mistake| mistake.name == *bug);
        stub = changed(&solution, mistake.ok_or("`bug` is the name of no mistake")?)?;
    }
    let (part, name) = (part.to_owned(), name_of(directory).to_owned());
    Ok(Exercise { part, name, directory: directory.to_owned(), about, solution, stub })
}

/// The solution, and the stub.
fn two_versions(text: &str) -> Result<(String, String)> {
    #[derive(PartialEq)]
    enum Lines {
        Both,
        Solution,
        Stub,
    }
    let (mut solution, mut stub, mut lines) = (String::new(), String::new(), Lines::Both);
    for (number, line) in (1..).zip(text.lines()) {
        let next = match line.trim() {
            "// SOLUTION" => Some((Lines::Both, Lines::Solution)),
            "// STUB" => Some((Lines::Solution, Lines::Stub)),
            "// END" => Some((Lines::Stub, Lines::Both)),
            _ => None,
        };
        match (next, &lines) {
            (Some((before, after)), _) if before == lines => lines = after,
            (Some(_), _) => {
                return Err(format!("answer.rs:{number}: SOLUTION, STUB, END go in turn").into());
            }
            (None, Lines::Solution) => solution.extend([line, "\n"]),
            (None, Lines::Stub) => {
                let cut = line.replacen("// ", "", 1);
                stub.extend([if cut.trim() == "//" { "" } else { &cut }, "\n"]);
            }
            (None, Lines::Both) => {
                solution.extend([line, "\n"]);
                stub.extend([line, "\n"]);
            }
        }
    }
    if lines != Lines::Both {
        return Err("answer.rs: SOLUTION without its STUB and END".into());
    }
    Ok((solution, stub))
}

/// The solution with a mistake.
fn changed(solution: &str, mistake: &Mistake) -> Result<String> {
    let mut text = solution.to_owned();
    for [from, to] in &mistake.change {
        let count = text.matches(from.as_str()).count();
        if count != 1 {
            let name = &mistake.name;
            return Err(format!("mistake {name}: its text occurs {count} times: {from}").into());
        }
        text = text.replacen(from.as_str(), to, 1);
    }
    Ok(text)
}

/// The modules of an exercise, and what the catalogue says of it.
fn write_exercise(
    code: &mut String,
    exercise: &Exercise,
    answers: &Path,
    out: &Path,
) -> Result<()> {
    let Exercise { part, name, directory, about, solution, stub } = exercise;
    let files = out.join(name);
    fs::create_dir_all(&files)?;
    let mut versions =
        vec![("solution".to_owned(), solution.clone()), ("stub".to_owned(), stub.clone())];
    for mistake in &about.mistakes {
        versions.push((mistake.name.replace('-', "_"), changed(solution, mistake)?));
    }
    let check = directory.join("check.rs");
    let given: String = (about.uses.iter())
        .map(|other| format!("pub use crate::catalog::{other}::solution::answer as {other};"))
        .collect();
    writeln!(code, "/// {}\npub mod {name} {{", about.title)?;
    writeln!(code, "use crate::exercise::{{Exercise, Kind, Mistake}};")?;
    for (version, text) in &versions {
        let file = files.join(format!("{version}.rs"));
        fs::write(&file, text)?;
        // A solution is held to all lints; of the others only what they compute is of interest.
        let allow = if version == "solution" { "" } else { "#[allow(warnings, clippy::all)]" };
        writeln!(code, "{allow} #[allow(missing_docs, dead_code)] pub mod {version} {{")?;
        writeln!(code, "#[allow(unused_imports)] pub mod given {{ {given} }}")?;
        writeln!(
            code,
            "#[path = {file:?}] pub mod answer;\n#[path = {check:?}] pub mod check;\n}}"
        )?;
    }
    writeln!(code, "/// What the catalogue says.\npub static EXERCISE: Exercise = Exercise {{")?;
    let About { title, kind, chapter, section, trains, minutes, seconds, hints, .. } = about;
    let (bug, gpt) = (&about.bug, about.gpt);
    writeln!(
        code,
        "name: {name:?}, part: {part:?}, title: {title:?}, kind: Kind::{},",
        camel(kind)
    )?;
    writeln!(code, "chapter: {chapter:?}, section: {section:?}, trains: {trains:?},")?;
    writeln!(code, "minutes: {minutes}, seconds: {seconds}, hints: {hints:?},")?;
    writeln!(code, "bug: {bug:?}, gpt: {gpt},")?;
    writeln!(code, "solution_text: {solution:?}, stub_text: {stub:?},")?;
    writeln!(code, "solution: solution::check::probe, stub: stub::check::probe,\nmistakes: &[")?;
    for Mistake { name, says, look, .. } in &about.mistakes {
        let module = name.replace('-', "_");
        writeln!(code, "Mistake {{ name: {name:?}, says: {says:?}, look: {look:?},")?;
        writeln!(code, "probe: {module}::check::probe }},")?;
    }
    writeln!(code, "] }};\n}}")?;

    // The reader's own version, for `test.rs`.
    let answer = answers.join(part).join(format!("{name}.rs"));
    let given = given.replace("crate::", "exercises::");
    let reader = format!(
        "#[allow(unused_imports)] mod given {{ {given} }}\n\
         #[allow(unused, clippy::all, missing_docs)] #[path = {answer:?}] mod answer;\n\
         #[allow(missing_docs)] #[path = {check:?}] mod check;\n"
    );
    Ok(fs::write(files.join("reader.rs"), reader)?)
}

/// find-the-bug: FindTheBug.
fn camel(kind: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    kind.split('-').filter(|word| !word.is_empty()).map(word).collect()
}

/// The parts of the GPT as long as the companion has chosen no others: all are the solutions'.
fn solutions(exercises: &[Exercise]) -> String {
    let parts = exercises.iter().filter(|exercise| exercise.about.gpt);
    let line = |Exercise { name, .. }: &Exercise| {
        format!("pub use exercises::catalog::{name}::solution::answer as {name};\n")
    };
    parts.map(line).collect()
}

/// Lays out the reader's files, and beside them, in `.originals`, the stubs that they began as.
fn lay_out(exercises: &[Exercise], answers: &Path) -> io::Result<()> {
    let parts = answers.join(".gpt/parts.rs");
    if !parts.exists() {
        fs::create_dir_all(answers.join(".gpt"))?;
        fs::write(&parts, solutions(exercises))?;
    }
    for Exercise { part, name, stub, .. } in exercises {
        let file = Path::new(part).join(format!("{name}.rs"));
        let (answer, original) = (answers.join(&file), answers.join(".originals").join(&file));
        let untouched = match fs::read_to_string(&answer) {
            Ok(text) => fs::read_to_string(&original).is_ok_and(|original| original == text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(_) => false,
        };
        if untouched {
            for path in [&answer, &original] {
                if fs::read_to_string(path).is_ok_and(|text| text == *stub) {
                    continue;
                }
                fs::create_dir_all(path.parent().unwrap_or(answers))?;
                let temporary = path.with_extension("rs.tmp");
                fs::write(&temporary, stub)?;
                fs::rename(&temporary, path)?;
            }
        }
    }
    Ok(())
}
