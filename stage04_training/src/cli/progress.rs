//! What long work says, on the screen: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stage01_bigram::screen::wrap;
use stage03_gpt::cli::screen::{Screen, remark, width};
use stage03_gpt::units::duration;

use crate::progress::{Progress, Reporter};
use crate::units::size;

/// How wide the names of facts are.
const NAME: usize = 12;

impl Reporter for Screen {
    /// As wide as the terminal.
    fn fact(&self, name: &str, text: &str) {
        let wrapped = wrap(text, width(), &" ".repeat(NAME));
        self.line(format!("{name:<NAME$}{}", wrapped.trim_start()));
    }

    fn line(&self, text: &str) {
        Screen::line(self, text);
    }

    fn note(&self, text: &str) {
        remark(text);
    }

    fn begin<'a>(&'a self, name: &'static str, total: u64, done: u64) -> Box<dyn Progress + 'a> {
        Box::new(Shown::new(self, name, total, done))
    }
}

/// Shows how much is done.
struct Shown<'a> {
    screen: &'a Screen,
    bar: Option<ProgressBar>,
    name: &'static str,
    total: u64,
    /// When the first result came, and how much had been done by then. What an earlier run has
    /// done is skipped before that, which is no measure of what is to come.
    first: Option<(Instant, u64)>,
    /// How many tenths were said.
    tenths: u64,
}

impl<'a> Shown<'a> {
    fn new(screen: &'a Screen, name: &'static str, total: u64, done: u64) -> Self {
        let shown = io::stdout().is_terminal() && io::stderr().is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = "{msg} {wide_bar:.cyan/dim} {decimal_bytes}/{decimal_total_bytes} \
                         {decimal_bytes_per_sec} {eta} left";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .expect("a valid template")
                    .progress_chars("━━─"),
            );
            bar.set_message(name);
            bar.set_position(done);
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Shown { screen, bar, name, total, first: None, tenths: 0 }
    }
}

impl Progress for Shown<'_> {
    fn update(&mut self, done: u64) {
        let done = done.min(self.total);
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
        let tenths = (10 * done).checked_div(self.total).unwrap_or(0);
        let Some((began, before)) = self.first else {
            self.first = Some((Instant::now(), done));
            self.tenths = tenths;
            if let Some(bar) = &self.bar {
                bar.reset_eta();
            }
            return;
        };
        if self.bar.is_none() && tenths > self.tenths && tenths < 10 {
            self.tenths = tenths;
            let seconds = began.elapsed().as_secs_f64();
            let rate = (done - before) as f64 / seconds.max(1e-9);
            Screen::line(
                self.screen,
                format!(
                    "{} {:3} %   {} of {}, {}/s, {} left",
                    self.name,
                    10 * tenths,
                    size(done),
                    size(self.total),
                    size(rate as u64),
                    duration((self.total - done) as f64 / rate.max(1.0)),
                ),
            );
        }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_has_done_is_no_part_of_the_speed() {
        let screen = Screen::new();
        let mut progress = Shown::new(&screen, "tokens", 1000, 0);
        progress.update(940); // skipped in no time
        assert_eq!((progress.first.unwrap().1, progress.tenths), (940, 9));
        progress.update(990);
        assert_eq!(progress.first.unwrap().1, 940);
    }
}
