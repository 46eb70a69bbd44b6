//! `cargo run -p exercises`: what is next, hints, progress, and the file checked as it is saved.

mod cargo;
pub mod screen;
mod watch;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use console::style;
use stage01_bigram::text::printable;
use stage01_bigram::{Error, Result};

use crate::answers::{Answers, State};
use crate::catalog::{ALL, CHAPTERS, find, find_or_suggest};
use crate::exercise::Exercise;
use crate::gpt::parts::Arch;
use crate::{gpt, out};

/// Exercises after each chapter.
///
/// Without a command: shows the next exercise and checks its file whenever it is saved. Where the
/// output is no terminal, it checks once and ends.
///
/// Your files are in `answers/`. No update of the course changes a file that you have changed.
#[derive(Parser)]
#[command(name = "exercises", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Order>,
}

#[derive(Subcommand)]
enum Order {
    /// Show an exercise, and check its file whenever it is saved (no name: the next one)
    Watch {
        /// Its name
        name: Option<String>,
    },
    /// All exercises, and how far you have come
    List,
    /// Check one exercise once (no name: the next one)
    Run {
        /// Its name
        name: Option<String>,
    },
    /// Show a hint: the idea first, then the formula, then nearly the code
    Hint {
        /// Its name; the next exercise if there is none
        name: Option<String>,
    },
    /// Begin an exercise anew; your file is kept in answers/.old
    Reset {
        /// Its name
        name: String,
    },
    /// A GPT out of your own files: examined, trained, and writing
    Gpt {
        /// Where a part has not passed yet, take the solution's
        #[arg(long)]
        with_solutions: bool,
        /// Which GPT the parts make
        #[arg(long, value_enum, default_value_t = Arch::Gpt2, value_name = "NAME")]
        arch: Arch,
        /// How many steps the training has
        #[arg(long, default_value_t = gpt::STEPS, value_name = "N")]
        max_iters: usize,
    },
    /// Show the solution of an exercise that has passed
    Solution {
        /// Its name
        name: String,
        /// Even though it has not passed
        #[arg(long)]
        show: bool,
    },
}

/// The whole program.
pub fn main() -> ExitCode {
    // `exercises NAME` is `exercises watch NAME`.
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).and_then(|word| word.to_str()).is_some_and(|word| find(word).is_some()) {
        words.insert(1, "watch".into());
    }
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(refusal) => return stage01_bigram::screen::refuse(&refusal),
    };
    let answers = Answers::here();
    let result = match arguments.command {
        None => watch_or_check(&answers, None),
        Some(Order::Watch { name }) => watch_or_check(&answers, name.as_deref()),
        Some(Order::List) => {
            list(&answers);
            Ok(ExitCode::SUCCESS)
        }
        Some(Order::Run { name }) => named_or_next(&answers, name.as_deref())
            .and_then(|found| found.map_or_else(|| Ok(finished()), |e| check(&answers, e))),
        Some(Order::Hint { name }) => hint(&answers, name.as_deref()),
        Some(Order::Reset { name }) => reset(&answers, &name),
        Some(Order::Gpt { with_solutions, arch, max_iters }) => {
            own_gpt(&answers, with_solutions, arch, max_iters)
        }
        Some(Order::Solution { name, show }) => solution(&answers, &name, show),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// The first exercise that has not passed.
fn next(answers: &Answers) -> Option<&'static Exercise> {
    ALL.iter().copied().find(|exercise| answers.state(exercise) != State::Passed)
}

fn named_or_next(answers: &Answers, name: Option<&str>) -> Result<Option<&'static Exercise>> {
    match name {
        Some(name) => find_or_suggest(&printable(name)).map(Some),
        None => Ok(next(answers)),
    }
}

fn watch_or_check(answers: &Answers, name: Option<&str>) -> Result<ExitCode> {
    let Some(exercise) = named_or_next(answers, name)? else { return Ok(finished()) };
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        watch::watch(answers, exercise)
    } else {
        progress(answers);
        check(answers, exercise)
    }
}

/// Compiles and checks the file of an exercise, once.
fn check(answers: &Answers, exercise: &'static Exercise) -> Result<ExitCode> {
    if answers.lay_out(exercise)? {
        out!("{} was missing, and is laid out anew.\n", Answers::name(exercise));
    }
    screen::head(exercise);
    if answers.is_outdated(exercise) {
        screen::say(
            &format!(
                "The course has changed this exercise. `reset {}` begins with the new version, and \
                 keeps your file.",
                exercise.name
            ),
            "  ",
        );
    }
    out!();
    let compiled = cargo::compile(exercise.name, console::colors_enabled())?;
    let program = match compiled {
        cargo::Compiled::Program(program) => program,
        cargo::Compiled::Errors(errors) => {
            let file = Answers::name(exercise);
            out!("{}", style(format!("{file} does not compile.")).red().bold());
            out!("{}", errors.trim_end());
            if errors.contains("check.rs") {
                screen::say(
                    "Where the arrow points into check.rs, your file lacks what is asked for there: \
                     a function, `pub` before it, or the types of its arguments.",
                    "",
                );
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    run(program, &[])
}

/// How many have passed.
fn progress(answers: &Answers) {
    let passed = ALL.iter().filter(|exercise| answers.state(exercise) == State::Passed).count();
    out!("{passed} of {} exercises passed.\n", ALL.len());
}

fn finished() -> ExitCode {
    out!("All {} exercises have passed.", ALL.len());
    ExitCode::SUCCESS
}

fn list(answers: &Answers) {
    let widest = ALL.iter().map(|exercise| exercise.name.len()).max().unwrap_or(0);
    for (chapter, title) in CHAPTERS {
        let mut here = ALL.iter().filter(|exercise| exercise.chapter == *chapter).peekable();
        if here.peek().is_none() {
            continue;
        }
        out!("{}", style(title).bold());
        for exercise in here {
            let sign = screen::sign(answers.state(exercise));
            let (name, minutes) = (exercise.name, exercise.minutes);
            let own = if exercise.gpt { "*" } else { " " };
            let kind = exercise.kind.name();
            // On a narrow terminal the kind is left out.
            let kind =
                if screen::width() > widest + 28 { format!("{kind:<14}") } else { "".into() };
            out!("  [{sign}]{own}{name:<widest$}  {kind}{minutes:>3} min");
        }
    }
    out!();
    progress(answers);
    out!("x passed, ~ changed since it passed, . begun; * a part of your own GPT");
}

fn hint(answers: &Answers, name: Option<&str>) -> Result<ExitCode> {
    let Some(exercise) = named_or_next(answers, name)? else { return Ok(finished()) };
    let read = answers.hints(exercise);
    let shown = (read + 1).min(exercise.hints.len());
    out!("{}", style(exercise.title).bold());
    for (number, hint) in (1..).zip(&exercise.hints[..shown]) {
        screen::say(&format!("{number}. {hint}"), "  ");
    }
    match exercise.hints.len() - shown {
        0 if read == shown => {
            let name = exercise.name;
            out!("\nThat is all. `cargo run -p exercises -- solution {name} --show` shows it.");
        }
        0 => {}
        left => out!("\n{left} more: the same command again."),
    }
    answers.record_hints(exercise, shown)?;
    Ok(ExitCode::SUCCESS)
}

fn reset(answers: &Answers, name: &str) -> Result<ExitCode> {
    let exercise = find_or_suggest(&printable(name))?;
    let file = Answers::name(exercise);
    match answers.reset(exercise)? {
        Some(kept) => out!("{file} begins anew. What was there is in {}.", kept.display()),
        None => out!("{file} is as it was laid out."),
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a GPT of the reader's files, and runs it.
fn own_gpt(
    answers: &Answers,
    with_solutions: bool,
    arch: Arch,
    max_iters: usize,
) -> Result<ExitCode> {
    let passed = |exercise: &&Exercise| answers.state(exercise) == State::Passed;
    let (own, missing): (Vec<&Exercise>, Vec<&Exercise>) = arch.exercises().partition(passed);
    let names = |list: &[&Exercise]| list.iter().map(|e| e.name).collect::<Vec<_>>().join(", ");
    let all = own.len() + missing.len();
    out!("{}", style(format!("{} of {all} parts of this GPT are yours.", own.len())).bold());
    if !missing.is_empty() && !with_solutions {
        let changed = |e: &&Exercise| answers.state(e) == State::ChangedSince;
        let (changed, unsolved): (Vec<_>, Vec<_>) = missing.iter().copied().partition(changed);
        if !unsolved.is_empty() {
            screen::say(&format!("These have not passed yet: {}.", names(&unsolved)), "");
        }
        if !changed.is_empty() {
            let names = names(&changed);
            screen::say(
                &format!("These were changed since they passed: {names}. `run` checks them."),
                "",
            );
        }
        screen::say("`--with-solutions` takes the solutions' in their place.", "");
        return Ok(ExitCode::FAILURE);
    }
    if !missing.is_empty() {
        screen::say(&format!("The solutions' are: {}.", names(&missing)), "");
    }
    out!();
    answers.choose_parts(&own)?;
    match cargo::compile("my_gpt", console::colors_enabled())? {
        cargo::Compiled::Program(program) => {
            run(program, &[arch.name().into(), max_iters.to_string()])
        }
        cargo::Compiled::Errors(errors) => {
            out!("{}", style("The parts do not fit together.").red().bold());
            out!("{}", errors.trim_end());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Runs a program that was compiled.
fn run(program: PathBuf, arguments: &[String]) -> Result<ExitCode> {
    let status = Command::new(&program).args(arguments).status().map_err(|source| Error::File {
        action: "start",
        path: program,
        source,
    })?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn solution(answers: &Answers, name: &str, show: bool) -> Result<ExitCode> {
    let exercise = find_or_suggest(&printable(name))?;
    if !show && !matches!(answers.state(exercise), State::Passed | State::ChangedSince) {
        let name = exercise.name;
        screen::say(
            &format!(
                "{name} has not passed yet. Try a hint first: `cargo run -p exercises -- hint \
                 {name}`. `solution {name} --show` shows the solution all the same."
            ),
            "",
        );
        return Ok(ExitCode::FAILURE);
    }
    out!("{}", exercise.solution_text.trim_end());
    Ok(ExitCode::SUCCESS)
}
