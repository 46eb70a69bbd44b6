//! Runs the check of one answer: `cargo test -p exercises --test NAME`.
//!
//! An answer may loop for ever, fill the memory, or end the program. So the check runs in a process
//! of its own, under a limit for its time and its memory, and this one says what became of it.
//! What the answer prints is passed on, up to a limit.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use crate::answers::Answers;
use crate::companion::screen;
use crate::exercise::{Check, Versions};
use crate::probe::Probe;
use crate::verdict;

/// The allocator of a check, which refuses what would be too much.
pub type Memory = cap::Cap<std::alloc::System>;

/// How much memory a check may have, in bytes.
pub const MEMORY_LIMIT: usize = 2 << 30;

/// How many bytes of what an answer prints are passed on.
const PRINT_LIMIT: usize = 4_000;

/// Set in the process in which the answer runs.
const CHILD: &str = "EXERCISES_CHILD";

/// The exit codes of that process. Any other one is not of this file's making.
const PASSED: u8 = 92;
const FAILED: u8 = 93;

/// The program that checks one exercise.
#[macro_export]
macro_rules! check {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, "/reader.rs"));

        #[global_allocator]
        static MEMORY: exercises::judge::Memory =
            exercises::judge::Memory::new(std::alloc::System, exercises::judge::MEMORY_LIMIT);

        fn main() -> std::process::ExitCode {
            exercises::judge::main(&versions::VERSIONS, check::probe)
        }
    };
}

/// How the process of an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer was judged, and passes.
    Passed,
    /// The answer was judged, and does not pass.
    Failed,
    /// It ran for too long.
    TooLong,
    /// It asked for more than [`MEMORY_LIMIT`].
    TooMuchMemory,
    /// A function called itself until the stack was full.
    StackOverflow,
    /// It ended the process; how, is said in words.
    Ended(String),
}

/// Checks the reader's answer, and says what was found.
pub fn main(versions: &Versions, check: Check) -> ExitCode {
    let exercise = versions.exercise;
    if env::var_os(CHILD).is_some() {
        return inside(versions, check);
    }
    let text = Answers::here().text(exercise);
    let limit = Duration::from_secs(exercise.seconds);
    let supervise = |program| supervise(Command::new(program), limit, io::stdout());
    let outcome = env::current_exe().and_then(supervise);
    match outcome {
        Ok(Outcome::Passed) => {
            let recorded = text.and_then(|text| Answers::here().record_passed(exercise, &text));
            if let Err(error) = recorded {
                eprintln!("it passed, and this could not be recorded: {error}");
            }
            return ExitCode::SUCCESS;
        }
        Ok(Outcome::Failed) => {}
        Ok(stopped) => {
            let (what, look) = stopped.words(limit);
            screen::stopped(exercise, &what, look);
        }
        Err(error) => eprintln!("the check of {} could not be started: {error}", exercise.name),
    }
    ExitCode::FAILURE
}

/// In the process of the answer: asks it and prints the verdict.
fn inside(versions: &Versions, check: Check) -> ExitCode {
    let mut probe = Probe { talks: true, ..Probe::default() };
    check(&mut probe);
    let verdict = verdict::verdict(versions, &probe.parts);
    screen::verdict(versions.exercise, &verdict);
    ExitCode::from(if verdict.passes() { PASSED } else { FAILED })
}

/// Starts the process of an answer, passes on what it prints to `out`, and waits until it ends or its
/// time is up.
///
/// # Errors
/// When the process cannot be started.
pub fn supervise(
    mut command: Command,
    limit: Duration,
    mut out: impl Write + Send + 'static,
) -> io::Result<Outcome> {
    let mut child = command
        .env(CHILD, "1")
        // Its output is a pipe to this process, which knows the terminal.
        .env("COLUMNS", screen::width().to_string())
        .env("CLICOLOR_FORCE", if console::colors_enabled() { "1" } else { "0" })
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (printed, errors) = (child.stdout.take(), child.stderr.take());
    let printed = thread::spawn(move || pass_on(printed, &mut out));
    let kept = Arc::new(Mutex::new(Vec::new()));
    let errors = thread::spawn({
        let kept = Kept(kept.clone());
        move || pass_on(errors, &mut { kept })
    });
    let status = wait(&mut child, limit)?;
    // What was printed is read to its end, unless a process that the answer has started holds on
    // to the pipe.
    let end = Instant::now() + Duration::from_millis(500);
    while !(printed.is_finished() && errors.is_finished()) && Instant::now() < end {
        thread::sleep(Duration::from_millis(2));
    }
    let errors = kept.lock().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let errors = errors.unwrap_or_default();
    let Some(status) = status else { return Ok(Outcome::TooLong) };
    let code = status.code();
    if code == Some(PASSED.into()) || code == Some(FAILED.into()) {
        eprint!("{errors}"); // what the answer has written there
        return Ok(if code == Some(PASSED.into()) { Outcome::Passed } else { Outcome::Failed });
    }
    Ok(if errors.contains("memory allocation of") {
        Outcome::TooMuchMemory
    } else if errors.contains("overflowed its stack") {
        Outcome::StackOverflow
    } else {
        Outcome::Ended(status.to_string())
    })
}

impl Outcome {
    /// What happened, and where to look.
    fn words(&self, limit: Duration) -> (String, &'static str) {
        match self {
            Outcome::Passed | Outcome::Failed => ("It was judged.".into(), ""),
            Outcome::TooLong => (
                format!("It was stopped after {} seconds.", limit.as_secs()),
                "Look for a loop that never ends, or for work that is done again and again.",
            ),
            Outcome::TooMuchMemory => (
                format!("It asked for more than {} GB of memory.", MEMORY_LIMIT >> 30),
                "Look for a list that grows in a loop, and for a size that is computed.",
            ),
            Outcome::StackOverflow => (
                "A function called itself until the stack was full.".into(),
                "Look for a function that calls itself and never stops.",
            ),
            Outcome::Ended(how) => (
                format!("Your code ended the whole program ({how})."),
                "An answer returns its result; it does not end the program.",
            ),
        }
    }
}

/// Waits for the process; kills it when its time is up.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Bytes that two threads share.
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Ok(mut kept) = self.0.lock() {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes on what a process prints, up to the limit; reads the rest and drops it.
fn pass_on(from: Option<impl Read>, to: &mut impl Write) {
    let Some(mut from) = from else { return };
    let mut left = PRINT_LIMIT;
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let shown = n.min(left);
        let _ = to.write_all(&buffer[..shown]);
        let _ = to.flush();
        left -= shown;
        if left == 0 && shown > 0 {
            let _ = writeln!(to, "\n… and more, which is not shown");
        }
    }
}
