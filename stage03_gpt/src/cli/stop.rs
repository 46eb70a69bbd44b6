//! Stopping a program on request: a run after its step, with its state saved; a command that writes
//! a file at once, without what it has written in part.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use stage01_bigram::{Result, files};

use super::screen::Screen;

/// Set by Ctrl-C, and by other signals that ask the process to end.
static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the process was asked to end.
pub fn asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// The exit status of a process that was asked to end, as shells have it for Ctrl-C.
pub const STATUS: u8 = 130;

/// Lets Ctrl-C end the run after its step. Asked twice, the process ends at once.
#[cfg(not(target_family = "wasm"))]
pub fn listen() {
    let listening = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            files::exit(STATUS.into());
        }
    });
    if let Err(e) = listening {
        super::screen::remark(format!("note: Ctrl-C will not save ({e})"));
    }
}

/// Lets Ctrl-C end the process at once, and removes the file that is being written: for a command
/// that has nothing else to save.
#[cfg(not(target_family = "wasm"))]
pub fn end_at_once() {
    // Without it, what is left is removed when the file is written the next time.
    let _ = ctrlc::set_handler(|| files::exit(STATUS.into()));
}

/// There is no Ctrl-C on a web page.
#[cfg(target_family = "wasm")]
pub fn listen() {}

/// There is no Ctrl-C on a web page.
#[cfg(target_family = "wasm")]
pub fn end_at_once() {}

/// The exit status of a run that was stopped and saved: that of Ctrl-C, or success where the output
/// was closed and no signal came.
///
/// # Errors
/// As [`Screen::end`].
pub fn status(screen: &Screen) -> Result<ExitCode> {
    screen.end().map(|end| if asked() { ExitCode::from(STATUS) } else { end })
}
