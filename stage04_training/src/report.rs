//! The report page of a run: `report.html` in its directory.
//!
//! It shows the state of the run, the curves, samples over time, and the settings. It is one file
//! without scripts and external resources, so it can be opened in any browser, mailed, or archived.
//! While the run is in progress the page reloads every few seconds.
//!
//! The data comes from the metrics log, so the page of a resumed run has its whole history.
//!
//! ```
//! use stage04_training::recipe::Recipe;
//! use stage04_training::report::{Report, State, parse_log};
//!
//! let facts = vec![("model".to_string(), "804,096 weights".to_string())];
//! let report = Report::new(&Recipe::default(), facts, Vec::new());
//! let log = parse_log(b"{\"iter\": 0, \"train_loss\": 7.6, \"elapsed_s\": 0.1}\n");
//! assert!(report.page(&log, 1, &State::Stopped).contains("804,096 weights"));
//! ```
//!
//! What this file leaves out: the style of the page (`report/style.css`).

use std::fmt::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::text::thousands;
use stage01_bigram::{Result, files};
use stage03_gpt::files::metrics_log;

use crate::recipe::Recipe;
use crate::units::{memory, time};

/// The page's file in the run's directory.
pub const REPORT_FILE: &str = "report.html";

/// The seconds after which a browser reloads the page.
const REFRESH: u32 = 15;

/// The state of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It is in progress.
    Running {
        /// The estimated remaining seconds, if known.
        left: Option<f64>,
    },
    /// It was stopped, and can be resumed.
    Stopped,
    /// It has finished.
    Finished {
        /// The loss over all of the validation set, in nats per token.
        loss: f64,
    },
    /// It ended with an error.
    Failed {
        /// The error with its remedy.
        why: String,
    },
}

/// The fields of a line of the log that the page shows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Line {
    iter: usize,
    train_loss: Option<f64>,
    val_loss: Option<f64>,
    lr: Option<f64>,
    grad_norm: Option<f64>,
    tokens_per_second: Option<f64>,
    mfu: Option<f64>,
    memory_bytes: Option<u64>,
    elapsed_s: f64,
    sample: Option<String>,
}

/// The content of the page besides the log.
pub struct Report {
    facts: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    references: Vec<(String, f64)>,
    max_iters: usize,
}

impl Report {
    /// The page of a run. facts: names and texts. references: reference losses with names.
    pub fn new(
        recipe: &Recipe,
        facts: Vec<(String, String)>,
        references: Vec<(String, f64)>,
    ) -> Report {
        let mut settings = recipe.saved().as_object().cloned().unwrap_or_default();
        // Derived defaults are shown with their values.
        let run = recipe.run.settings();
        settings.insert("min_lr".into(), json!(run.schedule.min_lr));
        settings.insert("warmup_iters".into(), json!(run.schedule.warmup_iters));
        settings.insert("lr_decay_iters".into(), json!(run.schedule.lr_decay_iters));
        settings.insert("threads".into(), json!(run.threads));
        settings.insert("eval_interval".into(), json!(recipe.run.eval_interval().ok()));
        let shown = |value: Value| match value {
            Value::Null => "none".into(),
            Value::String(text) => text,
            Value::Array(items) if items.is_empty() => "none".into(),
            other => other.to_string(),
        };
        Report {
            facts,
            settings: settings
                .into_iter()
                .filter(|(name, _)| name != "dtype")
                .map(|(name, value)| (name, shown(value)))
                .collect(),
            references,
            max_iters: recipe.run.max_iters,
        }
    }

    /// Writes the page atomically.
    ///
    /// iter: the number of steps taken.
    ///
    /// # Errors
    /// [`stage01_bigram::Error::File`] when it cannot be written.
    pub fn write(&self, directory: &Path, lines: &[Line], iter: usize, state: State) -> Result<()> {
        let page = self.page(lines, iter, &state);
        files::write_bytes(&directory.join(REPORT_FILE), page.as_bytes())
    }

    /// The page as HTML.
    pub fn page(&self, lines: &[Line], iter: usize, state: &State) -> String {
        let fact = |wanted: &str| {
            let found = self.facts.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, text)| text.as_str())
        };
        let (word, class, sentence) = match state {
            State::Running { left } => {
                let left = left.map_or(String::new(), |s| format!(", about {} left", time(s)));
                ("Running", "running", format!("As of {} UTC{left}.", clock()))
            }
            State::Stopped => (
                "Stopped",
                "stopped",
                "It was saved; <code>train --resume</code> continues it.".into(),
            ),
            State::Finished { loss } => (
                "Finished",
                "finished",
                format!("Over all of the validation set: {loss:.4} nats per token."),
            ),
            State::Failed { why } => ("Ended with an error", "failed", escape(why) + "."),
        };
        let refresh = match state {
            State::Running { .. } => format!("<meta http-equiv=\"refresh\" content=\"{REFRESH}\">"),
            _ => String::new(),
        };
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n{refresh}\n\
             <title>{word}: step {} of {}</title>\n<style>\n{}</style>\n</head>\n<body>\n\
             <header>\n<p class=\"state {class}\">{word}</p>\n<h1>Training run</h1>\n\
             <p class=\"sub\">{}</p>\n<p class=\"sub\">{sentence}</p>\n",
            thousands(iter),
            thousands(self.max_iters),
            include_str!("report/style.css"),
            escape(fact("model")),
        );
        let percent = 100.0 * iter as f64 / self.max_iters.max(1) as f64;
        let _ = write!(
            page,
            "<div class=\"bar\"><div style=\"width:{:.1}%\"></div></div>\n</header>\n",
            percent.min(100.0)
        );
        self.numbers(&mut page, lines, iter);
        self.curves(&mut page, lines);
        samples(&mut page, lines);
        table(&mut page, "Facts", "facts", &self.facts);
        table(&mut page, "Settings", "settings", &self.settings);
        page + "</body>\n</html>\n"
    }

    /// The figures at the top: the latest of each.
    fn numbers(&self, page: &mut String, lines: &[Line], iter: usize) {
        let newest = |value: fn(&Line) -> Option<f64>| lines.iter().rev().find_map(value);
        let validation = newest(|line| line.val_loss);
        let lowest = lines.iter().filter_map(|line| Some((line.val_loss?, line.iter)));
        let lowest = lowest.min_by(|a, b| a.0.total_cmp(&b.0));
        // The values of single steps vary: the mean over the last hundred.
        let mean = |value: fn(&Line) -> Option<f64>| {
            let last: Vec<f64> = lines.iter().rev().filter_map(value).take(100).collect();
            (!last.is_empty()).then(|| last.iter().sum::<f64>() / last.len() as f64)
        };
        let of = format!("of {}", thousands(self.max_iters));
        let best = lowest.map(|(loss, iter)| format!("best {loss:.3} at {}", thousands(iter)));
        let rate = mean(|line| line.tokens_per_second);
        let utilisation = mean(|line| line.mfu);
        let used = newest(|line| line.memory_bytes.map(|bytes| bytes as f64));
        let elapsed = lines.last().map(|line| line.elapsed_s);
        let cells = [
            ("Step", Some(thousands(iter)), of),
            ("Validation loss", validation.map(|x| format!("{x:.3}")), best.unwrap_or_default()),
            ("Tokens per second", rate.map(|x| thousands(x as usize)), String::new()),
            (
                "Utilisation",
                utilisation.map(|x| format!("{:.0} %", 100.0 * x)),
                "of matrix products".into(),
            ),
            ("Memory", used.map(|bytes| memory(bytes as u64)), String::new()),
            ("Time", elapsed.map(time), String::new()),
        ];
        page.push_str("<section class=\"numbers\">\n");
        for (name, value, note) in cells {
            if let Some(value) = value {
                let _ = writeln!(
                    page,
                    "<div><span>{name}</span><b>{value}</b><small>{}</small></div>",
                    escape(&note)
                );
            }
        }
        page.push_str("</section>\n");
    }

    fn curves(&self, page: &mut String, lines: &[Line]) {
        let points = |value: fn(&Line) -> Option<f64>| -> Vec<(f64, f64)> {
            lines.iter().filter_map(|line| Some((line.iter as f64, value(line)?))).collect()
        };
        let chart = |title: &str, y_label: &str, series: Vec<(&str, Vec<(f64, f64)>)>| LineChart {
            title: title.into(),
            x_label: "step".into(),
            y_label: y_label.into(),
            series: series
                .into_iter()
                .map(|(name, points)| Series { name: name.into(), points })
                .collect(),
            references: Vec::new(),
        };
        let mut loss = chart(
            "Loss",
            "nats per token",
            vec![
                ("training", smooth(&points(|line| line.train_loss))),
                ("validation", points(|line| line.val_loss)),
            ],
        );
        loss.references = self.references.clone();
        page.push_str("<section class=\"curves\">\n");
        // Two sizes; the style sheet shows the one that fits.
        let _ =
            writeln!(page, "<figure class=\"wide\">{}</figure>", loss.to_svg_of_size((1080, 440)));
        let _ =
            writeln!(page, "<figure class=\"narrow\">{}</figure>", loss.to_svg_of_size((400, 340)));
        for chart in [
            chart(
                "Learning rate",
                "learning rate",
                vec![("of the step", some(points(|line| line.lr)))],
            ),
            chart(
                "Gradient norm",
                "norm before clipping",
                vec![("of the step", points(|line| line.grad_norm))],
            ),
            chart(
                "Speed",
                "tokens per second",
                vec![("mean of some steps", smooth(&points(|line| line.tokens_per_second)))],
            ),
        ] {
            let _ = writeln!(page, "<figure>{}</figure>", chart.to_svg_of_size((400, 300)));
        }
        page.push_str("</section>\n");
    }
}

/// The lines of a run's log; none where there is no log yet.
pub fn read_log(directory: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    // A page without curves is better than none.
    let _ =
        metrics_log::read_log(directory, |line| lines.extend(serde_json::from_slice::<Line>(line)));
    lines
}

/// [`read_log`] for a log that is already in memory.
pub fn parse_log(log: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let line = |line: &[u8]| lines.extend(serde_json::from_slice::<Line>(line));
    metrics_log::each_line(log, line).expect("memory can be read");
    lines
}

/// Samples over time: the latest first, and some of the earlier ones, because a long run has
/// hundreds.
fn samples(page: &mut String, lines: &[Line]) {
    const SHOWN: usize = 12;
    let all: Vec<&Line> = lines.iter().filter(|line| line.sample.is_some()).collect();
    let stretch = all.len().div_ceil(SHOWN).max(1);
    if all.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Samples</h2>\n<dl class=\"samples\">\n");
    for line in all.iter().rev().step_by(stretch) {
        let loss =
            line.val_loss.map_or(String::new(), |loss| format!("<span>loss {loss:.3}</span>"));
        let text = line.sample.as_deref().unwrap_or_default();
        let text: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let _ = writeln!(
            page,
            "<dt>step {} {loss}</dt>\n<dd>{}</dd>",
            thousands(line.iter),
            escape(&text.join("\n"))
        );
    }
    page.push_str("</dl>\n</section>\n");
}

/// A table of names and values.
fn table(page: &mut String, title: &str, class: &str, rows: &[(String, String)]) {
    let _ = writeln!(page, "<section>\n<h2>{title}</h2>\n<table class=\"{class}\">");
    for (name, value) in rows {
        let _ = writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
    }
    page.push_str("</table>\n</section>\n");
}

/// Smooths a curve: each point is the mean over a hundredth of all points.
fn smooth(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let group = points.len().div_ceil(100).max(1);
    let mean = |chunk: &[(f64, f64)]| {
        let n = chunk.len() as f64;
        let sum = chunk.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (sum.0 / n, sum.1 / n)
    };
    points.chunks(group).map(mean).collect()
}

/// Every n-th point of a smooth curve, about 200 in all.
fn some(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let stretch = points.len().div_ceil(200).max(1);
    points.into_iter().step_by(stretch).collect()
}

/// The time of day in UTC.
fn clock() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    format!("{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60)
}

/// Escapes text for HTML.
fn escape(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    let text: String = text.chars().map(shown).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
