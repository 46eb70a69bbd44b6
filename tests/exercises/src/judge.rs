//! Runs the check of one answer: `cargo test -p exercises --test NAME`.
//!
//! An answer may loop for ever, fill the memory, or end the program. So the check runs in a process
//! of its own, under a limit for its time and its memory, and this one says what became of it.
//! What the answer prints is passed on, up to a limit.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use crate::answers::Answers;
use crate::companion::screen;
use crate::exercise::{Check, Exercise};
use crate::probe::Probe;
use crate::{catalog, verdict};

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
            exercises::judge::main($name, check::probe)
        }
    };
}

/// Checks the reader's answer, and says what was found.
pub fn main(name: &str, check: Check) -> ExitCode {
    let Some(exercise) = catalog::find(name) else {
        eprintln!("there is no exercise {name}");
        return ExitCode::FAILURE;
    };
    if env::var_os(CHILD).is_some() {
        return inside(exercise, check);
    }
    let text = Answers::here().text(exercise);
    match supervised(exercise) {
        Ok(true) => {
            let recorded = text.and_then(|text| Answers::here().record_passed(exercise, &text));
            if let Err(error) = recorded {
                eprintln!("it passed, and this could not be recorded: {error}");
            }
            ExitCode::SUCCESS
        }
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the check of {name} could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// In the process of the answer: asks it and prints the verdict.
fn inside(exercise: &'static Exercise, check: Check) -> ExitCode {
    let mut probe = Probe { talks: true, ..Probe::default() };
    check(&mut probe);
    let verdict = verdict::verdict(exercise, &probe.parts);
    screen::verdict(exercise, &verdict);
    ExitCode::from(if verdict.passes() { PASSED } else { FAILED })
}

/// Starts the process of the answer, waits, and says what became of it.
fn supervised(exercise: &Exercise) -> io::Result<bool> {
    let mut child = Command::new(env::current_exe()?)
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let out = thread::spawn(move || pass_on(out, &mut io::stdout()));
    let errors = thread::spawn(move || {
        let mut kept = Vec::new();
        pass_on(errors, &mut kept);
        kept
    });
    let status = wait(&mut child, Duration::from_secs(exercise.seconds))?;
    let _ = out.join();
    let errors = String::from_utf8_lossy(&errors.join().unwrap_or_default()).into_owned();
    let Some(status) = status else {
        screen::stopped(
            exercise,
            &format!("It was stopped after {} seconds.", exercise.seconds),
            "Look for a loop that never ends, or for work that is done again and again.",
        );
        return Ok(false);
    };
    match status.code() {
        Some(code) if code == i32::from(PASSED) || code == i32::from(FAILED) => eprint!("{errors}"),
        _ => {
            let (what, look) = death(status, &errors);
            screen::stopped(exercise, &what, look);
        }
    }
    Ok(status.code() == Some(i32::from(PASSED)))
}

/// Why a process ended that this file did not end.
fn death(status: ExitStatus, errors: &str) -> (String, &'static str) {
    if errors.contains("memory allocation of") {
        let what = format!("It asked for more than {} GB of memory.", MEMORY_LIMIT >> 30);
        return (what, "Look for a list that grows in a loop, and for a size that is computed.");
    }
    if errors.contains("overflowed its stack") {
        let what = "A function called itself until the stack was full.".to_owned();
        return (what, "Look for a function that calls itself and never stops.");
    }
    let what = format!("Your code ended the whole program ({status}).");
    (what, "An answer returns its result; it does not end the program.")
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
