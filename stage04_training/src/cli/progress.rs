//! Progress of long work on the screen: a bar on a terminal, elsewhere a line per tenth.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stage01_bigram::text::wrap;
use stage03_gpt::cli::screen::{Screen, remark, width};
use stage03_gpt::units::duration;

use crate::progress::{Progress, Reporter};
use crate::units::size;

/// The width of the names of facts.
const NAME: usize = 12;

impl Reporter for Screen {
    /// Wrapped to the width of the terminal.
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
        Box::new(Display::new(self, name, total, done))
    }
}

/// The display of one part of the work.
struct Display<'a> {
    screen: &'a Screen,
    bar: Option<ProgressBar>,
    name: &'static str,
    total: u64,
    /// The time of the first result, and the work done by then. Skipping the work of an earlier run
    /// comes before it, and is not counted in the rate.
    first: Option<(Instant, u64)>,
    /// The number of tenths that were printed.
    tenths: u64,
}

impl<'a> Display<'a> {
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
        Display { screen, bar, name, total, first: None, tenths: 0 }
    }
}

impl Progress for Display<'_> {
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

impl Drop for Display<'_> {
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
    fn the_work_of_an_earlier_run_does_not_count_in_the_rate() {
        let screen = Screen::new();
        let mut progress = Display::new(&screen, "tokens", 1000, 0);
        progress.update(940); // skipped in no time
        assert_eq!((progress.first.unwrap().1, progress.tenths), (940, 9));
        progress.update(990);
        assert_eq!(progress.first.unwrap().1, 940);
    }
}
