//! What the book shows, made again and compared.
//!
//! An output that was never recorded is written. One that differs from what was recorded is
//! shown, and only replaced when that is asked for (`--bless`): either the book is out of date,
//! or the program is broken, and a person must say which.
//!
//! What this file leaves out: running the commands ([`crate::runs`]).

use std::fs;
use std::io::Write;
use std::path::Path;

use mdbook_driver::errors::{Error, Result};
use tempfile::NamedTempFile;

use crate::figures;
use crate::problem::Problem;
use crate::recorded::{Difference, Leeway, Recorded};
use crate::shelf::{FigureSource, Shelf};

/// What takes longer than this many seconds is only run when asked for.
pub const LIMIT: f64 = 30.0;

/// The recorded output that tells how a processor rounds.
///
/// Two kinds of processor add the numbers of a matrix product in different orders, and after some
/// hundred steps of training a model writes other words. What is marked `rounding` is therefore
/// compared only where this output is as it was recorded. Elsewhere it is run, and must succeed.
pub const ROUNDING: &str = "rounding";

/// Something that a command makes and the book shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The text that it prints.
    Text,
    /// A picture that a command writes.
    Picture(String),
    /// A picture that this crate draws.
    Drawing,
}

/// One output or figure.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name in directives.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its file, from the directory of the book.
    pub file: String,
    /// About how many seconds it takes.
    pub seconds: f64,
}

/// All that can be run: figures, then outputs, of which some come with a figure. Each by name.
pub fn jobs(shelf: &Shelf) -> Vec<Job> {
    let texts = shelf.outputs.iter().map(|(name, recorded)| Job {
        name: name.clone(),
        kind: Kind::Text,
        file: format!("outputs/{name}.txt"),
        seconds: recorded.seconds,
    });
    let makes = |figure: &&FigureSource| figure.command.is_some() || figure.drawn;
    let figures = shelf.figures.iter().filter(|(_, figure)| makes(figure));
    let pictures = figures.map(|(name, figure)| Job {
        name: name.clone(),
        kind: figure.command.clone().map_or(Kind::Drawing, Kind::Picture),
        file: format!("outputs/{name}.svg"),
        seconds: figure.seconds(),
    });
    pictures.chain(texts).collect()
}

/// How a fresh output stands to the recorded one.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// As it was, or near enough.
    Same,
    /// Recorded on a processor that rounds in another way; the fresh one.
    Elsewhere(String),
    /// Not run, because this file is missing.
    Missing(String),
    /// Nothing was recorded; the fresh one.
    New(String),
    /// Not as it was; the fresh one, and where it differs first.
    Changed(String, Difference),
}

/// Runs a job and compares.
///
/// # Errors
/// When the command cannot be run, fails, or is not one of cargo's.
pub fn compare(shelf: &Shelf, job: &Job) -> Result<Verdict> {
    let (old, fresh, leeway) = match &job.kind {
        Kind::Text => {
            let recorded = &shelf.outputs[&job.name];
            if let Some(file) = recorded.needs.as_ref().filter(|file| !shelf.has(file)) {
                return Ok(Verdict::Missing(file.clone()));
            }
            if printed_with_a_figure(shelf, recorded) {
                return Ok(Verdict::Same);
            }
            let fresh =
                shelf.run(&recorded.before, &recorded.command, recorded.fails)?.printed()?;
            (recorded.output.clone(), fresh, recorded.leeway.clone())
        }
        Kind::Picture(command) => {
            let figure = &shelf.figures[&job.name];
            let ran = shelf.run(&[], command, false)?;
            ran.printed()?;
            let fresh = fs::read_to_string(ran.file(figure.file.as_deref()))
                .map_err(|error| Error::msg(format!("the command wrote no picture: {error}")))?;
            (recorded_picture(shelf, job), fresh, figure.leeway())
        }
        Kind::Drawing => {
            let fresh = figures::draw(&job.name)
                .ok_or_else(|| Error::msg("no function of book/src/figures has this name"))?;
            (recorded_picture(shelf, job), fresh, Leeway::default())
        }
    };
    Ok(match (old.is_empty(), leeway.difference(&old, &fresh)) {
        (true, _) => Verdict::New(fresh),
        (false, None) => Verdict::Same,
        (false, Some(_)) if leeway.rounding && !rounds_alike(shelf)? => Verdict::Elsewhere(fresh),
        (false, Some(difference)) => Verdict::Changed(fresh, difference),
    })
}

/// Whether a figure has been made by the command of an output with `--plot {}` behind it, and the
/// command printed what was recorded for the output. Then nothing need be run again.
fn printed_with_a_figure(shelf: &Shelf, recorded: &Recorded) -> bool {
    let same = |fresh: String| recorded.leeway.difference(&recorded.output, &fresh).is_none();
    !(recorded.fails || recorded.output.is_empty())
        && ["--plot {}", "-- --plot {}"].iter().any(|plot| {
            let ran = shelf.runs.ran(&format!("{} {plot}", recorded.command));
            ran.is_some_and(|ran| ran.printed().is_ok_and(same))
        })
}

/// Whether this processor rounds as the one did on which the outputs were recorded.
fn rounds_alike(shelf: &Shelf) -> Result<bool> {
    if let Some(&known) = shelf.rounds_alike.get() {
        return Ok(known);
    }
    let alike = match shelf.outputs.get(ROUNDING) {
        Some(recorded) => {
            let fresh =
                shelf.run(&recorded.before, &recorded.command, recorded.fails)?.printed()?;
            recorded.leeway.difference(&recorded.output, &fresh).is_none()
        }
        None => true,
    };
    Ok(*shelf.rounds_alike.get_or_init(|| alike))
}

fn recorded_picture(shelf: &Shelf, job: &Job) -> String {
    fs::read_to_string(shelf.places.of(&job.file)).unwrap_or_default()
}

/// Records a fresh output. The old one stays whole until the new one is on the disk.
///
/// # Errors
/// When the file cannot be written.
pub fn record(shelf: &Shelf, job: &Job, fresh: &str) -> Result<()> {
    let text = match job.kind {
        Kind::Text => shelf.outputs[&job.name].with(fresh),
        _ => format!("{}\n", fresh.trim_end()),
    };
    let path = shelf.places.of(&job.file);
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// The problem that a recorded output is no longer true, if it is one.
pub fn problem(shelf: &Shelf, job: &Job) -> Option<Problem> {
    let file = shelf.places.name(&job.file);
    let again = format!("cargo run -p book -- outputs {}", job.name);
    match compare(shelf, job) {
        Ok(Verdict::Same | Verdict::Elsewhere(_)) => None,
        Ok(Verdict::Missing(needed)) => {
            eprintln!("{file}: not run, because {needed} is missing");
            None
        }
        Ok(Verdict::New(_)) => {
            Some(Problem::new(file, 1, "nothing was recorded yet", format!("run `{again}`")))
        }
        Ok(Verdict::Changed(_, difference)) => {
            let header = shelf.outputs.get(&job.name).map_or(0, |r| r.header.lines().count() + 1);
            let header = if job.kind == Kind::Text { header } else { 0 };
            Some(Problem::new(
                file,
                header + difference.line,
                format!(
                    "the output is no longer what was recorded: `{}` was `{}`",
                    short(&difference.fresh),
                    short(&difference.recorded)
                ),
                format!("if the new one is right, run `{again} --bless`"),
            ))
        }
        Err(error) => Some(Problem::new(
            file,
            1,
            format!("the command cannot be run: {error:#}"),
            "correct it; it runs in the root of the repository",
        )),
    }
}

fn short(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::run;

    #[test]
    fn what_hangs_on_rounding_is_compared_only_where_rounding_is_alike() {
        let version = run(Path::new("."), "cargo --version", false).unwrap();
        let recorded = |marks: &str, output: &str| {
            Recorded::parse(&format!("$ cargo --version\n{marks}\n{output}\n")).unwrap()
        };
        let verdict = |probe: &str, marks: &str| {
            let mut shelf = Shelf::default();
            shelf.outputs.insert(ROUNDING.into(), recorded("# rounding\n", probe));
            shelf.outputs.insert("model".into(), recorded(marks, "other words"));
            let jobs = jobs(&shelf);
            jobs.iter().map(|job| compare(&shelf, job).unwrap()).collect::<Vec<_>>()
        };
        let elsewhere = verdict("another processor", "# rounding\n");
        assert!(matches!(elsewhere[..], [Verdict::Elsewhere(_), Verdict::Elsewhere(_)]));
        let here = verdict(&version, "# rounding\n");
        assert!(matches!(here[..], [Verdict::Changed(..), Verdict::Same]), "{here:?}");
        let unmarked = verdict("another processor", "");
        assert!(matches!(unmarked[..], [Verdict::Changed(..), Verdict::Elsewhere(_)]));
    }

    #[test]
    fn what_needs_a_missing_file_is_not_run() {
        let verdict = |needed: &str| {
            let mut shelf = Shelf::default();
            let file = format!("$ cargo --version\n# needs: {needed}\n\ncargo 0.0.0\n");
            shelf.places.repository = env!("CARGO_MANIFEST_DIR").into();
            shelf.outputs.insert("a".into(), Recorded::parse(&file).unwrap());
            let job = &jobs(&shelf)[0];
            (compare(&shelf, job).unwrap(), problem(&shelf, job).is_some())
        };
        let (missing, faulty) = verdict("models/none.gguf");
        assert!(matches!(missing, Verdict::Missing(file) if file == "models/none.gguf"));
        assert!(!faulty);
        let (there, faulty) = verdict("Cargo.toml");
        assert!(matches!(there, Verdict::Changed(..)));
        assert!(faulty);
    }

    #[test]
    fn what_a_figure_has_printed_is_not_run_again() {
        let version = run(Path::new("."), "cargo --version", false).unwrap();
        let mut shelf = Shelf::default();
        let mut record = |name: &str, output: &str| {
            let file = format!("$ cargo --version\n\n{output}\n");
            shelf.outputs.insert(name.into(), Recorded::parse(&file).unwrap());
        };
        record("as_recorded", &version);
        record("other", "cargo 0.0.0");
        shelf.run(&[], "cargo --version -- --plot {}", false).unwrap();
        let jobs = jobs(&shelf);
        let verdict = |at: usize| compare(&shelf, &jobs[at]).unwrap();
        assert!(matches!(verdict(0), Verdict::Same));
        assert!(shelf.runs.ran("cargo --version").is_none());
        assert!(matches!(verdict(1), Verdict::Changed(..)), "its own command has the last word");
        assert!(shelf.runs.ran("cargo --version").is_some());
    }
}
