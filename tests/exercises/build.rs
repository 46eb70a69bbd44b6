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
//! The library has the texts alone. The modules are compiled where they run: those of one exercise in
//! its test, and all of them in the proof.
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
    let to = Homes { out, answers };
    let mut code = String::new();
    for exercise in &exercises {
        write_exercise(&mut code, exercise, &exercises, &to)
            .map_err(|error| format!("{}: {error}", exercise.directory.display()))?;
    }
    writeln!(code, "/// The chapters of the book, in their order: path and title.")?;
    writeln!(code, "pub static CHAPTERS: &[(&str, &str)] = &{chapters:?};")?;
    writeln!(code, "/// Every exercise, in the order of the book.")?;
    let names: String = exercises.iter().map(|e| format!("&{}, ", e.name.to_uppercase())).collect();
    writeln!(code, "pub static ALL: &[&Exercise] = &[{names}];")?;
    write_if_changed(&to.out.join("catalog.rs"), &code)?;

    // For the proof, which compiles every version of every exercise.
    let include = |Exercise { name, .. }: &Exercise| {
        let file = to.out.join(name).join("versions.rs");
        format!("/// {name}\npub mod {name} {{ include!({file:?}); }}\n")
    };
    let mut proof: String = exercises.iter().map(include).collect();
    let versions: String = exercises.iter().map(|e| format!("&{}::VERSIONS, ", e.name)).collect();
    writeln!(
        proof,
        "/// Every exercise.\npub static ALL: &[&exercises::exercise::Versions] = &[{versions}];"
    )?;
    write_if_changed(&to.out.join("proof.rs"), &proof)?;
    println!("cargo::metadata=proof={}", to.out.join("proof.rs").display());

    for exercise in &exercises {
        let file = to.out.join(&exercise.name).join("reader.rs");
        write_if_changed(&file, &reader(exercise, &to))?;
    }
    // The GPT of the solutions alone, for its test.
    write_if_changed(&to.out.join("solutions.rs"), &gpt_parts(&exercises, &to.out))?;
    if let Err(error) = lay_out(&exercises, &to.answers) {
        println!("cargo::warning=the reader's files could not be laid out in answers/: {error}");
    }
    Ok(())
}

/// Where files are written.
struct Homes {
    out: PathBuf,
    /// `answers` at the root of the repository.
    answers: PathBuf,
}

/// The reader's own version, for `test.rs`.
fn reader(exercise: &Exercise, to: &Homes) -> String {
    let Exercise { part, name, directory, .. } = exercise;
    let answer = to.answers.join(part).join(format!("{name}.rs"));
    let (versions, check) = (to.out.join(name).join("versions.rs"), directory.join("check.rs"));
    format!(
        "#[allow(missing_docs)]\nmod versions {{ include!({versions:?}); }}\n\
         #[allow(unused_imports)]\nuse versions::given;\n\
         #[allow(unused, clippy::all, missing_docs)]\n#[path = {answer:?}]\nmod answer;\n\
         #[allow(missing_docs)]\n#[path = {check:?}]\nmod check;\n"
    )
}

/// The parts of a GPT as modules, with the solutions that lie in a directory.
fn gpt_parts(exercises: &[Exercise], solutions: &Path) -> String {
    let parts = exercises.iter().filter(|exercise| exercise.about.gpt);
    let line = |Exercise { name, .. }: &Exercise| {
        let file = solutions.join(name).join("solution.rs");
        format!("#[allow(missing_docs, dead_code)]\n#[path = {file:?}]\npub mod {name};\n")
    };
    let modules: String = parts.map(line).collect();
    modules + "#[allow(unused_imports)]\nmod given {\n    pub use super::*;\n}\n"
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

/// The files of an exercise, and what the catalogue says of it.
fn write_exercise(
    code: &mut String,
    exercise: &Exercise,
    all: &[Exercise],
    to: &Homes,
) -> Result<()> {
    let Exercise { part, name, about, solution, stub, .. } = exercise;
    let files = to.out.join(name);
    fs::create_dir_all(&files)?;
    write_if_changed(&files.join("solution.rs"), solution)?;
    write_if_changed(&files.join("stub.rs"), stub)?;
    for mistake in &about.mistakes {
        let file = files.join(format!("{}.rs", module(&mistake.name)));
        write_if_changed(&file, &changed(solution, mistake)?)?;
    }
    write_if_changed(&files.join("versions.rs"), &versions(exercise, all, to)?)?;

    let About { title, kind, chapter, section, trains, minutes, seconds, hints, .. } = about;
    let (bug, gpt) = (&about.bug, about.gpt);
    writeln!(code, "/// {title}\npub static {}: Exercise = Exercise {{", name.to_uppercase())?;
    writeln!(
        code,
        "name: {name:?}, part: {part:?}, title: {title:?}, kind: Kind::{},",
        camel(kind)
    )?;
    writeln!(code, "chapter: {chapter:?}, section: {section:?}, trains: {trains:?},")?;
    writeln!(code, "minutes: {minutes}, seconds: {seconds}, hints: {hints:?},")?;
    writeln!(code, "bug: {bug:?}, gpt: {gpt},")?;
    writeln!(code, "solution_text: {solution:?}, stub_text: {stub:?}, mistakes: &[")?;
    for Mistake { name, says, look, .. } in &about.mistakes {
        writeln!(code, "Mistake {{ name: {name:?}, says: {says:?}, look: {look:?} }},")?;
    }
    Ok(writeln!(code, "] }};")?)
}

/// The modules of an exercise: the solution, the stub and each mistake with the check beside it.
/// Only the test of the exercise and the proof compile them.
fn versions(exercise: &Exercise, all: &[Exercise], to: &Homes) -> Result<String> {
    let Exercise { name, directory, about, .. } = exercise;
    let (files, check) = (to.out.join(name), directory.join("check.rs"));
    let mut code = format!(
        "#[allow(warnings, clippy::all)]\npub mod given {{\n{}}}\n",
        given(exercise, all, to)?
    );
    let mut version = |version: &str, allow: &str| {
        let file = files.join(format!("{version}.rs"));
        let module = format!(
            "#[allow(missing_docs, dead_code, unused_imports{allow})]\npub mod {version} {{\n\
             pub use super::given;\n#[path = {file:?}]\npub mod answer;\n\
             #[path = {check:?}]\npub mod check;\n}}\n"
        );
        code += &module;
    };
    // A solution is held to all lints; of the others only what they compute is of interest.
    version("solution", "");
    version("stub", ", warnings, clippy::all");
    for mistake in &about.mistakes {
        version(&module(&mistake.name), ", warnings, clippy::all");
    }
    let checks: String =
        about.mistakes.iter().map(|m| format!("{}::check::probe, ", module(&m.name))).collect();
    write!(
        code,
        "/// Every version of the answer.\npub static VERSIONS: exercises::exercise::Versions =\n\
         exercises::exercise::Versions {{\nexercise: &exercises::catalog::{},\n\
         solution: solution::check::probe,\nstub: stub::check::probe,\nmistakes: &[{checks}],\n}};\n",
        name.to_uppercase(),
    )?;
    Ok(code)
}

/// The solutions of other exercises that an answer calls, as modules.
fn given(exercise: &Exercise, all: &[Exercise], to: &Homes) -> Result<String> {
    let mut code = String::new();
    for name in &exercise.about.uses {
        let other = all.iter().find(|other| other.name == *name);
        let other = other.ok_or(format!("`uses`: there is no exercise {name}"))?;
        let file = to.out.join(name).join("solution.rs");
        write!(
            code,
            "pub mod {name} {{\npub mod given {{\n{}}}\n#[path = {file:?}]\nmod answer;\npub use answer::*;\n}}\n",
            given(other, all, to)?
        )?;
    }
    Ok(code)
}

/// The name of a mistake as a module.
fn module(name: &str) -> String {
    name.replace('-', "_")
}

/// Writes a file, unless it is so already: what did not change is not compiled again.
fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    match fs::read_to_string(path) {
        Ok(old) if old == text => Ok(()),
        _ => fs::write(path, text),
    }
}

/// find-the-bug: FindTheBug.
fn camel(kind: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    kind.split('-').filter(|word| !word.is_empty()).map(word).collect()
}

/// Lays out the reader's files, and beside them, in `.originals`, the stubs that they began as.
fn lay_out(exercises: &[Exercise], answers: &Path) -> io::Result<()> {
    // The parts of the reader's GPT that have not passed yet are these solutions.
    let solutions = answers.join(".gpt");
    for Exercise { name, solution, .. } in exercises.iter().filter(|e| e.about.gpt) {
        fs::create_dir_all(solutions.join(name))?;
        write_if_changed(&solutions.join(name).join("solution.rs"), solution)?;
    }
    // A list of an earlier version of the course may lack parts.
    let parts = solutions.join("parts.rs");
    let list = fs::read_to_string(&parts).unwrap_or_default();
    let is_listed = |e: &Exercise| list.contains(&format!("pub mod {};", e.name));
    if !exercises.iter().filter(|e| e.about.gpt).all(is_listed) {
        fs::write(&parts, gpt_parts(exercises, &solutions))?;
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
