//! One exercise at a time, checked whenever its file is saved.

use std::io::{self, BufRead};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use console::style;
use stage01_bigram::{Error, Result};

use super::{check, finished, hint, list, next, progress, screen};
use crate::answers::{Answers, State};
use crate::exercise::Exercise;
use crate::out;

/// What the reader types is looked for this often, and so is the file.
const INTERVAL: Duration = Duration::from_millis(250);

/// Shows an exercise and checks it at each save, then goes on to the next.
pub fn watch(answers: &Answers, mut exercise: &'static Exercise) -> Result<ExitCode> {
    ctrlc::set_handler(|| {
        out!("\nYour files are in answers/. `cargo run -p exercises` goes on here.");
        std::process::exit(0);
    })
    .map_err(|error| Error::setting("Ctrl-C", error, "a handler could not be set"))?;
    let typed = typed();
    loop {
        progress(answers);
        answers.lay_out(exercise)?;
        let text = answers.text(exercise)?;
        check(answers, exercise)?;
        let passed = answers.state(exercise) == State::Passed;
        menu(passed);
        loop {
            match typed.recv_timeout(INTERVAL) {
                Ok(line) => match line.trim() {
                    "" | "n" if passed => {
                        let Some(following) = next(answers) else { return Ok(finished()) };
                        exercise = following;
                        break;
                    }
                    "" => break,
                    "h" => drop(hint(answers, Some(exercise.name))?),
                    "l" => list(answers),
                    "e" => screen::head(exercise),
                    "q" => return Ok(ExitCode::SUCCESS),
                    _ => menu(passed),
                },
                Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::SUCCESS),
                Err(RecvTimeoutError::Timeout) => {
                    // A file that is being saved may be away for a moment.
                    if let Ok(now) = answers.text(exercise)
                        && now != text
                    {
                        break;
                    }
                }
            }
        }
    }
}

fn menu(passed: bool) {
    let first = if passed { "Enter: the next exercise" } else { "Save the file to check it" };
    let line = format!(
        "\n{first} · h: a hint · l: list · e: this exercise · q: quit (a letter, then Enter)"
    );
    out!("{}", style(line).dim());
}

/// The lines that the reader types.
fn typed() -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
