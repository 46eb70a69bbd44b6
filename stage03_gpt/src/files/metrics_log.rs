//! The metrics log of a training run: `log.jsonl`, one line per step.
//!
//! A line is one JSON object: `iter`, `train_loss` (of the step's own batch), `lr`,
//! `grad_norm`, `tokens_per_second`, `elapsed_s`; and where the model was evaluated,
//! `eval_train_loss` and `val_loss`, each the mean over `--eval-iters` batches.
//!
//! ```
//! use stage03_gpt::files::metrics_log::{LogEntry, MetricsLog, read_log};
//! use stage03_gpt::trainer::Step;
//!
//! let directory = tempfile::tempdir().unwrap();
//! let mut log = MetricsLog::open(directory.path(), 0)?;
//! let step = Step { iter: 0, loss: 4.2, lr: 1e-3, grad_norm: 1.5 };
//! log.write(&LogEntry::step(&step, 10_000.0))?;
//! let mut lines = Vec::new();
//! read_log(directory.path(), |line| lines.push(String::from_utf8_lossy(line).into_owned()))?;
//! assert!(lines[0].starts_with(r#"{"iter":0,"train_loss":4.2,"lr":0.001,"#));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the curve that is drawn from it (`cli::curve`).

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stage01_bigram::{Error, Result, files};

use crate::trainer::Step;
use crate::training::Evaluation;

/// The log in the directory of a run.
pub const LOG_FILE: &str = "log.jsonl";

/// Longer lines are not written by this program, and are skipped.
const LONGEST_LINE: u64 = 1 << 20;

/// Reads the log of a run line by line; one that is not there has no lines.
///
/// # Errors
/// [`Error::File`] when it cannot be read; [`Error::Format`] when it is not a regular file:
/// reading a pipe could wait for ever, and a link could lead anywhere.
pub fn read_log(directory: &Path, line: impl FnMut(&[u8])) -> Result<()> {
    let path = directory.join(LOG_FILE);
    match path.symlink_metadata() {
        Ok(data) if data.is_file() => {}
        Ok(_) => {
            let problem = "this is not a regular file, and it should be the log of the run";
            return Err(Error::format(path, problem, "remove it"));
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::file("read", path)(e)),
    }
    let file = File::open(&path).map_err(Error::file("read", &path))?;
    each_line(BufReader::new(file), line).map_err(Error::file("read", path))
}

/// The lines of a log, without their line breaks. Lines of more than a mebibyte are skipped without
/// being held in memory.
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

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// ANCHOR: entry
pub struct LogEntry {
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

impl LogEntry {
    /// The line of a step.
    pub fn step(step: &Step, tokens_per_second: f64) -> Self {
        LogEntry {
            iter: step.iter,
            train_loss: Some(step.loss),
            eval_train_loss: None,
            val_loss: None,
            lr: Some(step.lr),
            grad_norm: Some(step.grad_norm),
            tokens_per_second: Some(tokens_per_second.round()),
            elapsed_s: 0.0,
        }
    }

    /// The line of the evaluation after the last step.
    pub fn evaluation(iter: usize, evaluation: &Evaluation) -> Self {
        LogEntry {
            iter,
            train_loss: None,
            eval_train_loss: Some(evaluation.train),
            val_loss: Some(evaluation.validation),
            lr: None,
            grad_norm: None,
            tokens_per_second: None,
            elapsed_s: 0.0,
        }
    }

    /// The line with an evaluation made before the step.
    pub fn with_evaluation(mut self, evaluation: &Evaluation) -> Self {
        self.eval_train_loss = Some(evaluation.train);
        self.val_loss = Some(evaluation.validation);
        self
    }

    /// The number of the step, and its loss on its own batch.
    pub fn train_loss(&self) -> Option<(usize, f64)> {
        Some((self.iter, self.train_loss?))
    }

    /// The number of the step, and the validation loss before it.
    pub fn val_loss(&self) -> Option<(usize, f64)> {
        Some((self.iter, self.val_loss?))
    }
}

/// The log, open for writing.
pub struct MetricsLog {
    directory: PathBuf,
    file: BufWriter<File>,
    entries: Vec<LogEntry>,
    /// The time that the run took before it was resumed, in seconds.
    before: f64,
    start: Instant,
}

impl MetricsLog {
    /// Opens the log of a run whose next step is `iter`. Lines of this step and of later ones,
    /// which were written before a crash, are removed.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or written; [`Error::Format`] when it is not a
    /// regular file.
    pub fn open(directory: &Path, iter: usize) -> Result<Self> {
        let path = directory.join(LOG_FILE);
        let (mut text, mut entries) = (Vec::new(), Vec::new());
        if iter > 0 {
            read_log(directory, |line| {
                // A line that a crash cut off belongs to a step that is taken again.
                if let Ok(entry) = serde_json::from_slice::<LogEntry>(line)
                    && entry.iter < iter
                {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                    entries.push(entry);
                }
            })?;
        }
        // The file stays open: opened again by its name, it could by then be a link to another
        // file.
        let mut file = None;
        files::write_atomically(&path, |new| {
            new.write_all(&text)?;
            file = Some(new.get_ref().try_clone()?);
            Ok(())
        })?;
        Ok(MetricsLog {
            directory: directory.to_path_buf(),
            file: BufWriter::new(file.expect("it was written")),
            before: entries.last().map_or(0.0, |entry| entry.elapsed_s),
            entries,
            start: Instant::now(),
        })
    }

    /// How long the run has taken so far, in seconds, including the time before it was resumed.
    pub fn elapsed(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }

    /// Writes a line, with the time.
    ///
    /// # Errors
    /// [`Error::File`] when the disk is full.
    pub fn write(&mut self, entry: &LogEntry) -> Result<()> {
        self.write_with(entry, Map::new())
    }

    /// Writes a line, with the time, and further entries after it.
    ///
    /// # Errors
    /// As [`MetricsLog::write`].
    pub fn write_with(&mut self, entry: &LogEntry, more: Map<String, Value>) -> Result<()> {
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

    /// All lines so far, including those before the run was resumed.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// Flushes the log to the disk.
    ///
    /// # Errors
    /// [`Error::File`] when the disk is full.
    pub fn sync(&mut self) -> Result<()> {
        let path = self.directory.join(LOG_FILE);
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(Error::file("write", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn step(iter: usize) -> LogEntry {
        LogEntry::step(&Step { iter, loss: 2.0, lr: 1e-3, grad_norm: 0.5 }, 1000.0)
    }

    #[test]
    fn a_resumed_log_drops_what_will_be_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = MetricsLog::open(directory.path(), 0).unwrap();
        (0..10).for_each(|iter| log.write(&step(iter)).unwrap());
        drop(log);
        // As after a crash in the middle of a line.
        let path = directory.path().join("log.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 9]).unwrap();

        let mut log = MetricsLog::open(directory.path(), 6).unwrap();
        (6..8).for_each(|iter| log.write(&step(iter)).unwrap());
        let text = fs::read_to_string(&path).unwrap();
        let iters: Vec<usize> =
            text.lines().map(|line| serde_json::from_str::<LogEntry>(line).unwrap().iter).collect();
        assert_eq!(iters, (0..8).collect::<Vec<_>>());
    }

    proptest::proptest! {
        /// Of any bytes, each line is read once, and entries of earlier steps are written again.
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
            drop(MetricsLog::open(directory.path(), iter).unwrap());
            let rewritten = fs::read_to_string(&path).unwrap();
            proptest::prop_assert_eq!(rewritten.contains(&line), iter > 3);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
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
    fn further_entries_of_a_step_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = MetricsLog::open(directory.path(), 0).unwrap();
        for iter in 0..3 {
            let more = json!({ "sample": "And it came to pass" });
            log.write_with(&step(iter), more.as_object().unwrap().clone()).unwrap();
        }
        drop(log);
        let read = || fs::read_to_string(directory.path().join("log.jsonl")).unwrap();
        let before = read();
        MetricsLog::open(directory.path(), 2).unwrap();
        assert_eq!(read(), before.lines().take(2).map(|l| format!("{l}\n")).collect::<String>());
        assert_eq!(read().matches("came to pass").count(), 2);
    }
}
