//! How far it is, for people: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stage03_gpt::cli::screen::{Screen, duration};

/// Shows how much of the files was read.
pub struct Progress<'a> {
    screen: &'a Screen,
    bar: Option<ProgressBar>,
    name: &'static str,
    total: u64,
    /// Counted by those who read.
    read: &'a AtomicU64,
    /// When the first result came, and how much had been read by then. What an earlier run has
    /// done is passed over before that, which is no measure of what is to come.
    first: Option<(Instant, u64)>,
    /// How many tenths were said.
    tenths: u64,
}

impl<'a> Progress<'a> {
    /// Begins with what `read` says now, of `total` bytes.
    pub fn new(screen: &'a Screen, name: &'static str, total: u64, read: &'a AtomicU64) -> Self {
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
            bar.set_position(read.load(Ordering::Relaxed));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Progress { screen, bar, name, total, read, first: None, tenths: 0 }
    }

    /// Brings it up to date. To be called whenever a result has come.
    pub fn update(&mut self) {
        let read = self.read.load(Ordering::Relaxed).min(self.total);
        if let Some(bar) = &self.bar {
            bar.set_position(read);
        }
        let tenths = (10 * read).checked_div(self.total).unwrap_or(0);
        let Some((began, before)) = self.first else {
            self.first = Some((Instant::now(), read));
            self.tenths = tenths;
            if let Some(bar) = &self.bar {
                bar.reset_eta();
            }
            return;
        };
        if self.bar.is_none() && tenths > self.tenths && tenths < 10 {
            self.tenths = tenths;
            let seconds = began.elapsed().as_secs_f64();
            let rate = (read - before) as f64 / seconds.max(1e-9);
            self.screen.line(format!(
                "{} {:3} %   {} of {}, {}/s, {} left",
                self.name,
                10 * tenths,
                size(read),
                size(self.total),
                size(rate as u64),
                duration((self.total - read) as f64 / rate.max(1.0)),
            ));
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A number of bytes as people say it: 512 B, 4.2 MB, 45.1 GB.
pub fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999.96 would be shown as 1000.0.
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_has_done_is_no_part_of_the_speed() {
        let (screen, read) = (Screen::new(), AtomicU64::new(0));
        let mut progress = Progress::new(&screen, "tokens", 1000, &read);
        read.store(940, Ordering::Relaxed); // passed over in no time
        progress.update();
        assert_eq!((progress.first.unwrap().1, progress.tenths), (940, 9));
        read.store(990, Ordering::Relaxed);
        progress.update();
        assert_eq!(progress.first.unwrap().1, 940);
    }

    #[test]
    fn sizes_are_set_for_reading() {
        let sizes = [0, 999, 4_158_678, 999_960, 45_123_000_000, 90_000_000_000_000];
        assert_eq!(sizes.map(size), ["0 B", "999 B", "4.2 MB", "1.0 MB", "45.1 GB", "90.0 TB"]);
    }
}
