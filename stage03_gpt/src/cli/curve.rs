//! The loss curve of a run, `loss.svg`, drawn from its metrics log.

use std::path::{Path, PathBuf};

use stage01_bigram::Result;
use stage01_bigram::plot::{LineChart, Series};

use crate::files::metrics_log::LogEntry;

/// Draws the curve into the directory of the run.
///
/// references: horizontal lines, each a name and a loss.
///
/// # Errors
/// [`Error::File`](stage01_bigram::Error::File) when it cannot be written.
pub fn draw(
    directory: &Path,
    entries: &[LogEntry],
    references: &[(String, f64)],
) -> Result<PathBuf> {
    let path = directory.join("loss.svg");
    let points = |value: fn(&LogEntry) -> Option<(usize, f64)>| -> Vec<(f64, f64)> {
        entries.iter().filter_map(value).map(|(iter, loss)| (iter as f64, loss)).collect()
    };
    let batches = points(LogEntry::train_loss);
    // The losses of single batches are noisy: each point is the mean over a hundredth of the run.
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
            Series { name: "validation".into(), points: points(LogEntry::val_loss) },
        ],
        references: references.to_vec(),
    };
    chart.save(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::Step;
    use crate::training::Evaluation;

    #[test]
    fn the_curve_has_both_losses_and_the_reference_lines() {
        let directory = tempfile::tempdir().unwrap();
        let evaluation = Evaluation { train: 2.0, validation: 2.1, best: true };
        let entry = |iter| {
            let step = Step { iter, loss: 2.0, lr: 1e-3, grad_norm: 0.5 };
            let entry = LogEntry::step(&step, 1000.0);
            if iter % 5 == 0 { entry.with_evaluation(&evaluation) } else { entry }
        };
        let entries: Vec<LogEntry> = (0..20).map(entry).collect();
        let path = draw(directory.path(), &entries, &[("bigram 2.48".into(), 2.48)]).unwrap();
        let svg = std::fs::read_to_string(path).unwrap();
        for word in ["training", "validation", "bigram 2.48", "nats per token"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}
