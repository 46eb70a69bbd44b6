//! What a command says while it runs: lines for everybody, a progress bar for a terminal.
//!
//! When the output is no longer read (`stage03_gpt | head`), there is nothing to print and nothing
//! to complain about: a short command ends quietly, and a training run stops as it would for
//! Ctrl-C, with its work saved.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stage01_bigram::screen::wrap;
use stage01_bigram::{Error, Result};

pub use crate::units::duration;

/// The standard output, with a progress bar below the lines where it is a terminal.
pub struct Screen {
    bar: Option<ProgressBar>,
    gone: Cell<bool>,
    /// Why nothing can be printed any more, where it is not a closed pipe: a full disk.
    failure: Cell<Option<io::Error>>,
}

impl Screen {
    /// A screen for plain lines.
    pub fn new() -> Self {
        Screen { bar: None, gone: Cell::new(false), failure: Cell::new(None) }
    }

    /// Shows a bar for `of` steps where the output is a terminal.
    pub fn start_bar(&mut self, done: usize, of: usize) {
        if io::stdout().is_terminal() && io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(of as u64), ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template("{wide_bar:.cyan/dim} {pos}/{len} {msg} {eta} left")
                    .expect("a valid template")
                    .progress_chars("━━─"),
            );
            bar.set_position(done as u64);
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(250));
            self.bar = Some(bar);
        }
    }

    /// Moves the bar, and says something short beside it.
    pub fn progress(&self, done: usize, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(message());
        }
    }

    /// Takes the bar away.
    pub fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Prints a text and a line break.
    pub fn line(&self, text: impl AsRef<str>) {
        let print = || {
            let mut out = io::stdout().lock();
            writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush())
        };
        self.note(match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        });
    }

    /// Prints a fact about a run: its name, and what there is to say, as wide as the terminal.
    pub fn fact(&self, name: &str, text: &str) {
        let wrapped = wrap(text, width(), "           ");
        self.line(format!("{name:<11}{}", wrapped.trim_start()));
    }

    /// Prints a text as it is, at once.
    pub fn write(&self, text: &[u8]) {
        let mut out = io::stdout().lock();
        self.note(out.write_all(text).and_then(|()| out.flush()));
    }

    /// Prints what a model wrote, at once: as it is where it goes into a file or another program,
    /// and on a terminal without what a terminal would obey.
    pub fn text(&self, text: &str) {
        match io::stdout().is_terminal() {
            true => self.write(without_controls(text).as_bytes()),
            false => self.write(text.as_bytes()),
        }
    }

    /// Whether the output is no longer read.
    pub fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// The end of a command that went well, if all it printed could be printed.
    ///
    /// # Errors
    /// [`Error::File`] when the output went into a file and its disk is full, say. A reader that
    /// stopped is no error.
    pub fn end(&self) -> Result<ExitCode> {
        match self.failure.take() {
            Some(failure) => Err(Error::file("write", "the standard output")(failure)),
            None => Ok(ExitCode::SUCCESS),
        }
    }

    fn note(&self, printed: io::Result<()>) {
        if let Err(failure) = printed
            && !self.gone.replace(true)
            && failure.kind() != io::ErrorKind::BrokenPipe
        {
            self.failure.set(Some(failure));
        }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

/// A text with its control characters spelled out, except line breaks and tabs. A model may have
/// learned the sequences that move a cursor, colour the screen or rename its window.
fn without_controls(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if obeyed(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// A remark beside the result: to the standard error, which need not be read.
pub fn remark(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The width of the terminal, or 80 where there is none; from 40 to 100.
pub fn width() -> usize {
    // The variable is for those whose terminal does not say.
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || console::Term::stdout().size_checked().map(|(_, columns)| columns.into());
    asked.or_else(terminal).unwrap_or(80).clamp(40, 100)
}

/// A flag that names a directory, to be typed in a shell; nothing where it is the usual one.
pub fn directory_flag(flag: &str, directory: &Path, usual: &str) -> String {
    if directory == Path::new(usual) {
        return String::new();
    }
    let name = directory.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:\\".contains(c);
    let quote = if name.chars().all(plain) { "" } else { "\"" };
    format!(" {flag} {quote}{name}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        assert_eq!(without_controls("one\n\ttwo é \u{1F600}"), "one\n\ttwo é \u{1F600}");
        assert_eq!(
            without_controls("\u{1b}[2J\r\u{7}\0\u{9b}1m\u{7f}"),
            r"\u{1b}[2J\r\u{7}\u{0}\u{9b}1m\u{7f}"
        );
    }
}
