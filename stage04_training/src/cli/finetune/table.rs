//! The printed table of a fine-tuning: a row for each evaluation, at most 60 columns wide.

use stage01_bigram::text::thousands;

use crate::units::{memory, time};

/// The figures of one evaluation.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The number of steps taken.
    pub iter: usize,
    /// How many epochs they were.
    pub epochs: f64,
    /// The mean loss on examples that are learned, in nats per token that is learned.
    pub train: f64,
    /// The mean loss on held-out examples.
    pub validation: f64,
    /// The mean loss on the old text.
    pub old: Option<f64>,
    /// Tokens per second since the last row.
    pub tokens_per_second: Option<f64>,
    /// The memory in use, in bytes.
    pub memory: Option<u64>,
    /// The time of the run so far, in seconds.
    pub elapsed: f64,
    /// The estimated remaining time, in seconds.
    pub left: Option<f64>,
}

/// The head of the table. old: whether there is an old text.
pub fn head(old: bool) -> String {
    let old = if old { "    old" } else { "" };
    format!(" step  epoch  train    val{old} tokens/s  memory     time     left")
}

impl Row {
    /// The row.
    pub fn text(&self) -> String {
        let Row { iter, epochs, train, validation, .. } = self;
        let old = self.old.map_or(String::new(), |old| format!(" {old:>6.3}"));
        let dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        format!(
            "{iter:>5} {epochs:>6.2} {train:>6.3} {validation:>6.3}{old} {:>8} {:>7} {:>8} {:>8}",
            dash(self.tokens_per_second.map(|rate| thousands(rate as usize))),
            dash(self.memory.map(memory)),
            time(self.elapsed),
            dash(self.left.map(time)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_stands_above_its_columns() {
        let row = Row {
            iter: 12_345,
            epochs: 100.25,
            train: 10.123,
            validation: 10.456,
            old: Some(3.5),
            tokens_per_second: Some(99_999.0),
            memory: Some(80_000_000_000),
            elapsed: 59.0,
            left: Some(3599.0),
        };
        for row in [row.clone(), Row { old: None, ..row }] {
            let (head, text) = (head(row.old.is_some()), row.text());
            assert_eq!(head.chars().count(), text.chars().count(), "\n{head}\n{text}");
            assert!(text.chars().count() <= 68, "{text}");
        }
    }
}
