//! The diary of a training run: `log.jsonl`, one line a step, and the curve drawn from it.
//!
//! A line is one JSON object: `iter`, `train_loss` (of the step's own batch), `lr`,
//! `grad_norm`, `tokens_per_second`, `elapsed_s`; and where the model was measured,
//! `eval_train_loss` and `val_loss`, each the mean over `--eval-iters` batches.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::{Error, Result, files};

use crate::trainer::Step;

/// The diary's file in the directory of a run.
pub const LOG_FILE: &str = "log.jsonl";

/// Longer lines are not ours, and are left out.
const LONGEST_LINE: u64 = 1 << 20;

/// Reads the diary of a run line by line; one that is not there has no lines.
///
/// # Errors
/// [`Error::File`] when it cannot be read; [`Error::Format`] when it is not a plain file: a pipe
/// would be waited for without end, and a link could lead anywhere.
pub fn read_log(directory: &Path, line: impl FnMut(&[u8])) -> Result<()> {
    let path = directory.join(LOG_FILE);
    match path.symlink_metadata() {
        Ok(data) if data.is_file() => {}
        Ok(_) => {
            let problem = "this is not a plain file, and it should be the log of the run";
            return Err(Error::format(path, problem, "remove it"));
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::file("read", path)(e)),
    }
    let file = File::open(&path).map_err(Error::file("read", &path))?;
    each_line(BufReader::new(file), line).map_err(Error::file("read", path))
}

/// The lines of a diary, without their ends; those that are too long to be ours are left out, and
/// never in memory.
///
/// # Errors
/// Those of reading.
pub fn each_line(mut file: impl BufRead, mut line: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if file.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        } else if bytes.len() as u64 == LONGEST_LINE {
            file.skip_until(b'\n')?;
            continue;
        }
        line(&bytes);
    }
}

/// One line of the diary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// ANCHOR: entry
pub struct Entry {
    iter: usize,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    train_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    eval_train_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    val_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lr: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    grad_norm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tokens_per_second: Option<f64>,
    elapsed_s: f64,
}
// ANCHOR_END: entry

impl Entry {
    /// The line of a step. speed: its tokens per second.
    pub fn step(step: &Step, speed: f64) -> Self {
        Entry {
            iter: step.iter,
            train_loss: Some(step.loss),
            eval_train_loss: None,
            val_loss: None,
            lr: Some(step.lr),
            grad_norm: Some(step.grad_norm),
            tokens_per_second: Some(speed.round()),
            elapsed_s: 0.0,
        }
    }

    /// The line of a measurement after the last step.
    pub fn measured(iter: usize, train: f64, validation: f64) -> Self {
        Entry {
            iter,
            train_loss: None,
            eval_train_loss: Some(train),
            val_loss: Some(validation),
            lr: None,
            grad_norm: None,
            tokens_per_second: None,
            elapsed_s: 0.0,
        }
    }

    /// Adds a measurement that was made before the step.
    pub fn measure(&mut self, train: f64, validation: f64) {
        (self.eval_train_loss, self.val_loss) = (Some(train), Some(validation));
    }
}

/// The diary, open for writing.
pub struct Journal {
    directory: PathBuf,
    file: BufWriter<File>,
    entries: Vec<Entry>,
    /// The time of the runs before this one, in seconds.
    before: f64,
    start: Instant,
    /// Horizontal lines of the curve: a name and a loss.
    pub references: Vec<(String, f64)>,
}

impl Journal {
    /// Opens the diary of a run that stands before step `iter`. What was written about this
    /// step and later ones, before a crash, is taken out.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or written; [`Error::Format`] when it is not a
    /// plain file.
    pub fn open(directory: &Path, iter: usize) -> Result<Self> {
        let path = directory.join(LOG_FILE);
        let (mut text, mut entries) = (Vec::new(), Vec::new());
        if iter > 0 {
            read_log(directory, |line| {
                // A line that was cut off by a crash is one of those that are written again.
                if let Ok(entry) = serde_json::from_slice::<Entry>(line)
                    && entry.iter < iter
                {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                    entries.push(entry);
                }
            })?;
        }
        // The file that is written here stays open. Its name is not opened again: meanwhile it
        // could have become that of a link to another file.
        let mut file = None;
        files::write_atomically(&path, |new| {
            new.write_all(&text)?;
            file = Some(new.get_ref().try_clone()?);
            Ok(())
        })?;
        Ok(Journal {
            directory: directory.to_path_buf(),
            file: BufWriter::new(file.expect("it was written")),
            before: entries.last().map_or(0.0, |entry| entry.elapsed_s),
            entries,
            start: Instant::now(),
            references: Vec::new(),
        })
    }

    /// How long the run has taken by now, in seconds, with the time before it was resumed.
    pub fn elapsed(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }

    /// Writes a line, with the time.
    ///
    /// # Errors
    /// [`Error::File`] when the disk is full.
    pub fn write(&mut self, entry: &Entry) -> Result<()> {
        self.write_with(entry, Map::new())
    }

    /// Writes a line, with the time, and behind it whatever else is known about the step.
    ///
    /// # Errors
    /// As [`Journal::write`].
    pub fn write_with(&mut self, entry: &Entry, more: Map<String, Value>) -> Result<()> {
        let mut entry = entry.clone();
        entry.elapsed_s = (self.elapsed() * 1000.0).round() / 1000.0;
        let path = self.directory.join(LOG_FILE);
        let mut line = json!(entry);
        line.as_object_mut().expect("an entry is an object").extend(more);
        let line = format!("{line}\n");
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush());
        written.map_err(Error::file("write", path))?;
        self.entries.push(entry);
        Ok(())
    }

    /// Draws the curve, and brings the diary to the disk.
    ///
    /// # Errors
    /// [`Error::File`] when the disk is full.
    pub fn flush(&mut self) -> Result<()> {
        let path = self.directory.join(LOG_FILE);
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(Error::file("write", path))?;
        self.draw().map(|_| ())
    }

    /// Draws the curve: `loss.svg` in the directory.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn draw(&self) -> Result<PathBuf> {
        let path = self.directory.join("loss.svg");
        let points = |value: fn(&Entry) -> Option<f64>| -> Vec<(f64, f64)> {
            self.entries.iter().filter_map(|e| Some((e.iter as f64, value(e)?))).collect()
        };
        let batches = points(|entry| entry.train_loss);
        // The batches differ much, so each point is the mean over a hundredth of the run.
        let group = batches.len().div_ceil(100).max(1);
        let batches = batches
            .chunks(group)
            .map(|chunk| {
                let n = chunk.len() as f64;
                let sum = chunk.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
                (sum.0 / n, sum.1 / n)
            })
            .collect();
        let chart = LineChart {
            title: "Loss".into(),
            x_label: "step".into(),
            y_label: "nats per token".into(),
            series: vec![
                Series { name: "training".into(), points: batches },
                Series { name: "validation".into(), points: points(|entry| entry.val_loss) },
            ],
            references: self.references.clone(),
        };
        chart.save(&path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn step(iter: usize) -> Entry {
        Entry::step(&Step { iter, loss: 2.0, lr: 1e-3, grad_norm: 0.5 }, 1000.0)
    }

    #[test]
    fn a_resumed_diary_forgets_what_will_be_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path(), 0).unwrap();
        (0..10).for_each(|iter| journal.write(&step(iter)).unwrap());
        drop(journal);
        // As after a crash in the middle of a line.
        let path = directory.path().join("log.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 9]).unwrap();

        let mut journal = Journal::open(directory.path(), 6).unwrap();
        (6..8).for_each(|iter| journal.write(&step(iter)).unwrap());
        let text = fs::read_to_string(&path).unwrap();
        let iters: Vec<usize> =
            text.lines().map(|line| serde_json::from_str::<Entry>(line).unwrap().iter).collect();
        assert_eq!(iters, (0..8).collect::<Vec<_>>());
    }

    proptest::proptest! {
        /// Whatever bytes a log has, each line comes once, and what is read is written again.
        #[test]
        fn any_bytes_are_a_log(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), iter in 1..20usize,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(LOG_FILE);
            let line = json!(step(3)).to_string();
            let log = [&bytes[..], b"\n", line.as_bytes(), b"\n"].concat();
            fs::write(&path, &log).unwrap();
            let mut lines = Vec::new();
            each_line(&log[..], |line| lines.push(line.to_vec())).unwrap();
            let expected: Vec<&[u8]> = log[..log.len() - 1].split(|b| *b == b'\n').collect();
            proptest::prop_assert_eq!(lines, expected);
            drop(Journal::open(directory.path(), iter).unwrap());
            let kept = fs::read_to_string(&path).unwrap();
            proptest::prop_assert_eq!(kept.contains(&line), iter > 3);
        }
    }

    #[test]
    fn a_line_that_is_too_long_to_be_ours_is_left_out() {
        let long = vec![b'a'; LONGEST_LINE as usize];
        for (log, expected) in [
            ([b"a\n", &long[..], b"\nb\n"].concat(), ["a", "b"].as_slice()),
            ([b"a\n", &long[..], b"cd"].concat(), &["a"]),
            ([b"a\n", &long[1..5], b"\nb"].concat(), &["a", "aaaa", "b"]),
        ] {
            let mut lines = Vec::new();
            let line = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
            each_line(&log[..], line).unwrap();
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn what_else_was_written_of_a_step_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path(), 0).unwrap();
        for iter in 0..3 {
            let more = json!({ "sample": "And it came to pass" });
            journal.write_with(&step(iter), more.as_object().unwrap().clone()).unwrap();
        }
        drop(journal);
        let read = || fs::read_to_string(directory.path().join("log.jsonl")).unwrap();
        let before = read();
        Journal::open(directory.path(), 2).unwrap();
        assert_eq!(read(), before.lines().take(2).map(|l| format!("{l}\n")).collect::<String>());
        assert_eq!(read().matches("came to pass").count(), 2);
    }

    #[test]
    fn the_curve_has_both_losses_and_the_lines_to_expect() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path(), 0).unwrap();
        journal.references = vec![("bigram 2.48".into(), 2.48)];
        for iter in 0..20 {
            let mut entry = step(iter);
            if iter % 5 == 0 {
                entry.measure(2.0, 2.1);
            }
            journal.write(&entry).unwrap();
        }
        let svg = fs::read_to_string(journal.draw().unwrap()).unwrap();
        for word in ["training", "validation", "bigram 2.48"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}
