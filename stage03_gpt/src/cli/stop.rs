//! Stopping a run on request: after its step, with its state saved.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use stage01_bigram::Result;

use super::screen::Screen;

/// Set by Ctrl-C, and by other signals that ask the process to end.
static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the process was asked to end.
pub fn asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// Lets Ctrl-C end the run after its step. Asked twice, the process ends at once.
#[cfg(not(target_family = "wasm"))]
pub fn listen() {
    let listening = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(e) = listening {
        super::screen::remark(format!("note: Ctrl-C will not save ({e})"));
    }
}

/// There is no Ctrl-C on a web page.
#[cfg(target_family = "wasm")]
pub fn listen() {}

/// The exit status of a run that was stopped and saved: that of Ctrl-C, or success where the output
/// was closed and no signal came.
///
/// # Errors
/// As [`Screen::end`].
pub fn status(screen: &Screen) -> Result<ExitCode> {
    screen.end().map(|end| if asked() { ExitCode::from(130) } else { end })
}
