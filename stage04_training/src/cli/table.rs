//! The printed table of a run: a row for each evaluation, with the columns that fit the terminal.

use stage01_bigram::loss::bits;
use stage01_bigram::text::thousands;

use crate::units::{memory, time};

/// The figures of one evaluation.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The number of steps taken.
    pub iter: usize,
    /// The mean loss on the training set, in nats per token.
    pub train: f64,
    /// The mean loss on the validation set.
    pub validation: f64,
    /// Mean bytes of text per token.
    pub bytes_per_token: f64,
    /// The learning rate.
    pub lr: f64,
    /// Tokens per second since the last row.
    pub tokens_per_second: Option<f64>,
    /// Model FLOP utilisation (MFU): the fraction of the device's speed in matrix products.
    pub utilisation: Option<f64>,
    /// The device's memory in use, in bytes.
    pub memory: Option<u64>,
    /// The time of the run so far, in seconds.
    pub elapsed: f64,
    /// The estimated remaining time, in seconds.
    pub left: Option<f64>,
}

/// A column: its head, its width, and the minimum width of the terminal that shows it.
struct Column {
    head: &'static str,
    width: usize,
    from: usize,
    text: fn(&Row) -> String,
}

const COLUMNS: [Column; 10] = [
    Column { head: "step", width: 6, from: 0, text: |row| row.iter.to_string() },
    Column { head: "train", width: 6, from: 0, text: |row| format!("{:.3}", row.train) },
    Column { head: "val", width: 6, from: 0, text: |row| format!("{:.3}", row.validation) },
    Column {
        head: "bits/byte",
        width: 9,
        from: 78,
        text: |row| format!("{:.3}", bits(row.validation) / row.bytes_per_token),
    },
    Column { head: "lr", width: 7, from: 86, text: |row| format!("{:.1e}", row.lr) },
    Column {
        head: "tokens/s",
        width: 9,
        from: 0,
        text: |row| dash(row.tokens_per_second.map(|rate| thousands(rate as usize))),
    },
    Column {
        head: "util",
        width: 5,
        from: 48,
        text: |row| dash(row.utilisation.map(|fraction| format!("{:.0} %", 100.0 * fraction))),
    },
    Column { head: "memory", width: 7, from: 68, text: |row| dash(row.memory.map(memory)) },
    Column { head: "time", width: 11, from: 42, text: |row| time(row.elapsed) },
    Column { head: "left", width: 11, from: 60, text: |row| dash(row.left.map(time)) },
];

/// The head of the table, for a terminal of this width.
pub fn head(width: usize) -> String {
    line(width, |column| column.head.into())
}

impl Row {
    /// The row, for a terminal of this width.
    pub fn text(&self, width: usize) -> String {
        line(width, |column| (column.text)(self))
    }
}

fn line(width: usize, text: impl Fn(&Column) -> String) -> String {
    let shown = COLUMNS.iter().filter(|column| width >= column.from);
    let cells: Vec<String> = shown.map(|c| format!("{:>1$}", text(c), c.width)).collect();
    cells.join(" ")
}

fn dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let row = Row {
            iter: 600_000,
            train: 10.123,
            validation: 10.456,
            bytes_per_token: 4.4,
            lr: 6e-4,
            tokens_per_second: Some(1_234_567.0),
            utilisation: Some(1.0),
            memory: Some(80_000_000_000),
            elapsed: 47.0 * 3600.0 + 3599.0,
            left: Some(86399.0),
        };
        let mut max_width = 0;
        for width in 40..=100 {
            let (head, text) = (head(width), row.text(width));
            assert_eq!(head.chars().count(), text.chars().count(), "{head}\n{text}");
            assert!(text.chars().count() <= width, "{width}: {text}");
            max_width = max_width.max(text.chars().count());
        }
        assert_eq!(max_width, 86);
        assert!(row.text(80).contains("GB") && row.text(60).contains("23 h 59 min"));
        assert!(row.text(100).contains("6.0e-4") && row.text(100).contains("80.0 GB"));
    }

    #[test]
    fn an_unknown_value_is_a_dash() {
        let text = Row { bytes_per_token: 1.0, ..Row::default() }.text(100);
        assert_eq!(text.matches(" -").count(), 4, "{text}");
    }
}
