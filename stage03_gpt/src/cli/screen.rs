//! The output of a command while it runs: lines of text, and a progress bar on a terminal.
//!
//! When the output is no longer read (`stage03_gpt | head`), that is not an error: a short command
//! ends without a message, and a training run stops as it does on Ctrl-C, with its state saved.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stage01_bigram::text::{printable, wrap};
use stage01_bigram::{Error, Result};

/// The standard output, with a progress bar below the lines where it is a terminal.
pub struct Screen {
    bar: Option<ProgressBar>,
    gone: Cell<bool>,
    /// The error that ended the output, unless it was a closed pipe: a full disk, for example.
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

    /// Moves the bar, and sets the short message beside it.
    pub fn progress(&self, done: usize, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(message());
        }
    }

    /// A handle on the bar, to move it from other threads.
    pub fn bar(&self) -> Bar {
        Bar(self.bar.clone())
    }

    /// Removes the bar.
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

    /// Prints a fact about a run: its name and its text, wrapped to the width of the terminal.
    pub fn fact(&self, name: &str, text: &str) {
        self.line(named(name, text, 11, width()));
    }

    /// Prints a text as it is, at once.
    pub fn write(&self, text: &[u8]) {
        let mut out = io::stdout().lock();
        self.note(out.write_all(text).and_then(|()| out.flush()));
    }

    /// Prints the text of a model, at once: unchanged into a file or another program, and on a
    /// terminal with control characters escaped.
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

    /// The exit status of a command that succeeded.
    ///
    /// # Errors
    /// [`Error::File`] when its output could not be written, for example to a full disk. A reader
    /// that stopped is not an error.
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

/// The progress bar of a [`Screen`], where it has one; can be shared by threads.
#[derive(Clone, Debug)]
pub struct Bar(Option<ProgressBar>);

impl Bar {
    /// Moves the bar on, and sets the short message beside it.
    pub fn advance(&self, steps: usize, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.0 {
            bar.inc(steps as u64);
            bar.set_message(message());
        }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

/// A text with its control characters escaped, except line breaks and tabs, and the marks that
/// turn the direction of a line. A model may generate the sequences that move a cursor, colour
/// the screen or rename its window.
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_control = |c: char| (c.is_control() && c != '\n' && c != '\t') || turns(c);
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_control(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Prints a remark to the standard error. A failure to do so is ignored.
pub fn remark(text: impl std::fmt::Display) {
    let text = text.to_string();
    // Elsewhere, as in a file, a remark is one line.
    let text = if console::Term::stderr().is_term() { wrap(&text, width(), "") } else { text };
    let _ = writeln!(io::stderr(), "{text}");
}

/// A name and a text beside it, wrapped to `width` columns; on a narrow terminal the text stands below.
///
/// column: where the text begins.
pub fn named(name: &str, text: &str, column: usize, width: usize) -> String {
    /// Fewer columns than these hold no more than a word or two beside a name.
    const NARROW: usize = 45;
    if width < NARROW {
        return format!("{name}\n{}", wrap(text, width, "  "));
    }
    let wrapped = wrap(text, width, &" ".repeat(column));
    format!("{name:<column$}{}", wrapped.trim_start())
}

/// The width of the terminal, or 80 where there is none; from 30 to 100.
pub fn width() -> usize {
    // The variable is for terminals whose size is not known.
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || console::Term::stdout().size_checked().map(|(_, columns)| columns.into());
    asked.or_else(terminal).unwrap_or(80).clamp(30, 100)
}

/// A word as a shell reads it, without anything that a terminal obeys.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:\\".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    // Within single quotes a shell changes nothing; a single quote itself stands outside of them.
    format!("'{}'", printable(word).replace('\'', r"'\''"))
}

/// A flag with a directory, quoted for a shell; empty for the default directory.
pub fn directory_flag(flag: &str, directory: &Path, default: &str) -> String {
    if directory == Path::new(default) {
        return String::new();
    }
    let name = directory.display().to_string();
    format!(" {flag} {}", quoted(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_beside_its_name_or_below_it() {
        let text = "listen at http://127.0.0.1:8000";
        assert_eq!(named("address", text, 9, 45), "address  listen at http://127.0.0.1:8000");
        assert_eq!(
            named("address", text, 30, 53),
            "address                       listen at\n                              http://127.0.0.1:8000"
        );
        assert_eq!(named("address", text, 9, 30), "address\n  listen at\n  http://127.0.0.1:8000");
    }

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        for (word, expected) in [
            ("out/gpt-2", "out/gpt-2"),
            ("", "''"),
            ("my models", "'my models'"),
            ("a;$(touch x)\"", "'a;$(touch x)\"'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
        assert!(!quoted("z\u{1b}[31m\n").contains(char::is_control));
    }

    #[test]
    fn control_characters_are_escaped_for_a_terminal() {
        assert_eq!(without_controls("one\n\ttwo é \u{1F600}"), "one\n\ttwo é \u{1F600}");
        assert_eq!(without_controls("a\u{202e}b\u{2067}"), r"a\u{202e}b\u{2067}");
        assert_eq!(
            without_controls("\u{1b}[2J\r\u{7}\0\u{9b}1m\u{7f}"),
            r"\u{1b}[2J\r\u{7}\u{0}\u{9b}1m\u{7f}"
        );
    }
}
