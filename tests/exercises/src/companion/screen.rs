//! What the companion and the checks print.

use std::io::{self, Write};

use console::style;
use stage01_bigram::text::wrap;
pub use stage03_gpt::cli::screen::width;

use crate::answers::{Answers, State};
use crate::catalog::chapter_title;
use crate::exercise::Exercise;
use crate::value::Value;
use crate::verdict::{Finding, Verdict};

/// Prints a line. Where nobody reads the output any more, the program ends.
#[macro_export]
macro_rules! out {
    () => { $crate::companion::screen::line(format_args!("")) };
    ($($text:tt)*) => { $crate::companion::screen::line(format_args!($($text)*)) };
}

/// Prints a line: see [`out!`](crate::out).
pub fn line(text: std::fmt::Arguments) {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: cannot write the output: {error}");
            std::process::exit(1);
        }
    }
}

/// Prints a text, wrapped to the terminal, each line behind `indent`.
pub fn say(text: &str, indent: &str) {
    out!("{}", wrap(text, width(), indent));
}

/// Prints a name and what belongs to it.
fn fact(name: &str, text: &str) {
    let wrapped = wrap(text, width(), "           ");
    out!("  {name:<9}{}", wrapped.trim_start());
}

/// The head of an exercise: what it is, and where things are.
pub fn head(exercise: &Exercise) {
    out!("{}", style(exercise.title).bold());
    let minutes = exercise.minutes;
    fact("name", &format!("{}: {}, about {minutes} minutes", exercise.name, exercise.kind.name()));
    fact("trains", exercise.trains);
    fact("file", &Answers::name(exercise));
    chapter("chapter", exercise);
}

/// Prints the chapter of an exercise, and where its section is. A path is not broken.
fn chapter(name: &str, exercise: &Exercise) {
    fact(name, chapter_title(exercise.chapter));
    out!("           book/text/{}.md#{}", exercise.chapter, exercise.section);
}

/// Prints a verdict: each function, and of the first wrong one all that is known.
pub fn verdict(exercise: &Exercise, verdict: &Verdict) {
    let widest = verdict.parts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, finding) in &verdict.parts {
        let said = match finding {
            Finding::Right(_) => style("right").green(),
            Finding::NotWritten => style("not written yet").yellow(),
            Finding::Wrong(_) => style("wrong").red().bold(),
        };
        out!("  {name:<widest$}  {said}");
        if let Finding::Right(computed) = finding {
            for (what, value) in computed {
                out!("    {what}: {}", value_line(value));
            }
        }
    }
    out!();
    if verdict.passes() {
        out!("{}", style(format!("{} passes.", exercise.name)).green().bold());
        return;
    }
    let wrong = verdict.parts.iter().find_map(|(name, finding)| match finding {
        Finding::Wrong(wrong) => Some((name, wrong)),
        _ => None,
    });
    if let Some((name, wrong)) = wrong {
        out!("{}", style(format!("{name} is wrong.")).red().bold());
        for line in wrong.lines() {
            match line.strip_prefix("  ") {
                Some(numbers) => out!("    {numbers}"),
                None => say(&line, "  "),
            }
        }
    } else {
        let file = Answers::name(exercise);
        say(&format!("Replace `todo!()` in {file} by your code, and check again."), "");
    }
    read_again(exercise);
}

/// A line that says whether something holds.
pub fn verdict_line(holds: bool, text: &str) {
    let sign = if holds { style("right").green() } else { style("wrong").red().bold() };
    out!("  {sign}  {}", wrap(text, width(), "         ").trim_start());
}

fn value_line(value: &Value) -> String {
    value.lines(&[]).join("; ")
}

/// Says that a check was stopped, and why.
pub fn stopped(exercise: &Exercise, what: &str, look: &str) {
    out!("{}", style(format!("{} was stopped.", exercise.name)).red().bold());
    say(what, "  ");
    say(look, "  ");
    read_again(exercise);
}

fn read_again(exercise: &Exercise) {
    let name = exercise.name;
    out!();
    chapter("read", exercise);
    fact("hint", &format!("cargo run -p exercises -- hint {name}"));
}

/// The sign of a state in a list.
pub fn sign(state: State) -> &'static str {
    match state {
        State::Passed => "x",
        State::ChangedSince => "~",
        State::Begun => ".",
        State::New => " ",
    }
}
