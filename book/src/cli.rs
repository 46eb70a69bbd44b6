//! The commands: `serve`, `build`, `check`, `words`, `outputs`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, Parser, Subcommand};
use mdbook_driver::errors::{Error, Result};

use crate::build::build;
use crate::check::{check, summary};
use crate::outputs::{self, LIMIT, Verdict};
use crate::places::Places;
use crate::problem::Problem;
use crate::serve::{listen, serve};
use crate::shelf::Shelf;
use crate::vocabulary;

/// The book of the course: read it, or help to write it.
///
/// The book explains the crates of this workspace chapter by chapter. Every line of code in it
/// is taken from their files, every output is what a command printed, every figure is drawn by
/// code. Nothing of it comes from the network, and nothing goes there: formulas, search and
/// fonts are built into the pages.
///
/// To read it, run `cargo run -p book -- serve --open`.
#[derive(Parser)]
#[command(name = "book", version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: What,

    /// Another book, by its directory from the root of the repository. The tests have some.
    #[arg(long, value_name = "DIR", global = true, hide = true, default_value = "book")]
    book: String,
}

#[derive(Subcommand)]
enum What {
    Serve(Serve),
    Build(Build),
    Check(Check),
    Words(Words),
    Outputs(Outputs),
}

/// Shows the book in a browser, and follows its changes.
///
/// Builds the book into `target/book` and serves it on this machine alone; the address is
/// printed. As long as it runs, a change of a chapter, of a quiz, of a figure or of code that
/// the book shows is built again, and the open page renews itself. Problems are listed, but the
/// page is shown all the same. Ctrl-C ends it.
#[derive(Args)]
struct Serve {
    /// The port to listen on. If it is taken, the next free one is used.
    #[arg(long, value_name = "N", default_value_t = 3000)]
    port: u16,

    /// Open the book in the browser.
    #[arg(long)]
    open: bool,
}

/// Writes the book as a directory of pages that any browser can read.
///
/// The directory needs no server: open its `index.html`. (Browsers allow the search only on pages
/// that are served.) It can be copied to any web server as it is. What stood in it before
/// is removed.
#[derive(Args)]
struct Build {
    /// The directory to write.
    #[arg(long, value_name = "DIR", default_value = "target/book")]
    out: PathBuf,
}

/// Looks for everything that could mislead a reader, and lists it all.
///
/// Code that is not there or not tested; formulas that cannot be typeset, or that use a symbol
/// before a table has explained it; links that lead nowhere; pictures without words; quizzes
/// without a right answer or without feedback; recorded outputs that are no longer true; outputs,
/// figures, quizzes and symbols that no chapter takes. Each problem is one line: file, line, what
/// is wrong, what to do. Ends with a status other than zero if there is one.
///
/// Outputs that take longer than half a minute are left out; `outputs --all` runs them too.
#[derive(Args)]
struct Check {}

/// Looks for words that the project gave up for the field's, and lists where they came back.
///
/// The words and their terms are in `book/vocabulary.toml`. It takes a second; `check` does it, too.
#[derive(Args)]
struct Words {
    /// Only files whose path begins with one of these, such as `stage03_gpt/src`.
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
}

/// Runs the commands whose outputs the book shows, and compares.
///
/// A recorded output is a file `book/outputs/NAME.txt` that begins with its command; a figure
/// is declared in `book/outputs/figures.toml`. What was never recorded is written. What differs
/// is shown and stays as it is, unless you say `--bless`: first find out whether the book is out
/// of date or the program is broken.
///
/// What a trained model says depends on how the processor rounds. Such outputs are compared only on
/// a processor that rounds as the one did on which they were recorded.
///
/// To record a new one, write a file with the line `$ cargo run -p …` and run `outputs NAME`.
#[derive(Args)]
struct Outputs {
    /// The outputs and figures to run. Without names, all that are quick.
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Record what differs.
    #[arg(long)]
    bless: bool,

    /// Run those that take longer than half a minute, too.
    #[arg(long)]
    all: bool,
}

/// The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refusal) => refusal.exit(),
    };
    let places = Places { directory: cli.book, ..Places::default() };
    let result = match cli.command {
        What::Serve(flags) => run_serve(&places, &flags),
        What::Build(flags) => run_build(&places, &flags),
        What::Check(_) => run_check(&places),
        What::Words(flags) => Ok(run_words(&places, &flags)),
        What::Outputs(flags) => run_outputs(&places, &flags),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn list(problems: &[Problem]) {
    for problem in problems {
        eprintln!("{problem}");
    }
}

fn run_words(places: &Places, flags: &Words) -> bool {
    let asked = |file: &str| {
        flags.paths.is_empty() || flags.paths.iter().any(|path| file.starts_with(path.as_str()))
    };
    let mut problems = vocabulary::problems(places);
    problems.retain(|problem| asked(&problem.file));
    problems.sort();
    list(&problems);
    println!("The words have {}.", summary(&problems));
    problems.is_empty()
}

fn run_serve(places: &Places, flags: &Serve) -> Result<bool> {
    let directory = places.repository.join("target").join("book");
    let (server, port) = listen(flags.port)?;
    let built = build(places, &directory)?;
    list(&built.problems);
    let address = format!("http://127.0.0.1:{port}/");
    println!("The book is at {address} ({}). Ctrl-C ends.", summary(&built.problems));
    if flags.open && !open(&address) {
        eprintln!("no browser could be opened; type the address into one");
    }
    serve(places, &directory, server, built)?;
    Ok(true)
}

/// Asks the system to show an address.
fn open(address: &str) -> bool {
    let (program, before): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/c", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    Command::new(program).args(before).arg(address).spawn().is_ok()
}

fn run_build(places: &Places, flags: &Build) -> Result<bool> {
    if flags.out.is_dir()
        && std::fs::read_dir(&flags.out)?.next().is_some()
        && !flags.out.join("toc.html").is_file()
    {
        return Err(Error::msg(format!(
            "{} is a directory with other things in it, which would be lost; give --out a new one",
            flags.out.display()
        )));
    }
    let built = build(places, &flags.out)?;
    list(&built.problems);
    println!("{}: {}", flags.out.join("index.html").display(), summary(&built.problems));
    Ok(built.problems.is_empty())
}

fn run_check(places: &Places) -> Result<bool> {
    let problems = check(places)?;
    list(&problems);
    println!("The book has {}.", summary(&problems));
    Ok(problems.is_empty())
}

fn run_outputs(places: &Places, flags: &Outputs) -> Result<bool> {
    let shelf = Shelf::load(places);
    let jobs = outputs::jobs(&shelf);
    if let Some(name) = flags.names.iter().find(|name| !jobs.iter().any(|job| job.name == **name)) {
        return Err(Error::msg(format!(
            "there is no output or figure `{name}`; write {} with its command, or declare the \
             figure in {}",
            places.name(&format!("outputs/{name}.txt")),
            places.name("outputs/figures.toml"),
        )));
    }
    list(&shelf.problems);
    let mut well = shelf.problems.is_empty();
    for job in &jobs {
        let wanted = match flags.names.is_empty() {
            true => flags.all || job.seconds <= LIMIT,
            false => flags.names.contains(&job.name),
        };
        if !wanted {
            continue;
        }
        let file = places.name(&job.file);
        match outputs::compare(&shelf, job) {
            Ok(Verdict::Same) => println!("{file}: as recorded"),
            Ok(Verdict::Elsewhere(fresh)) => {
                println!("{file}: not compared, because this processor rounds in another way");
                if flags.bless {
                    outputs::record(&shelf, job, &fresh)?;
                    println!("  recorded");
                }
            }
            Ok(Verdict::Missing(needed)) => {
                println!("{file}: not run, because {needed} is missing");
            }
            Ok(Verdict::New(fresh)) => {
                outputs::record(&shelf, job, &fresh)?;
                println!("{file}: recorded");
            }
            Ok(Verdict::Changed(fresh, difference)) => {
                println!("{file}: line {} of the output differs", difference.line);
                println!("  - {}\n  + {}", difference.recorded, difference.fresh);
                if flags.bless {
                    outputs::record(&shelf, job, &fresh)?;
                    println!("  recorded");
                } else {
                    well = false;
                }
            }
            Err(error) => {
                eprintln!("{file}: {error:#}");
                well = false;
            }
        }
    }
    if !well {
        println!("If what differs is right, say so with --bless.");
    }
    Ok(well)
}
