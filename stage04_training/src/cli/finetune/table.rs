//! The printed table of a fine-tuning: a row for each evaluation.

use stage01_bigram::text::thousands;

use crate::units::memory;

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
    /// Where preferences are learned, the mean margin of held-out pairs, and the fraction above 0.
    pub margin: Option<(f64, f64)>,
    /// Tokens per second since the last row.
    pub tokens_per_second: Option<f64>,
    /// The memory in use, in bytes.
    pub memory: Option<u64>,
    /// The time of the run so far, in seconds.
    pub elapsed: f64,
    /// The estimated remaining time, in seconds.
    pub left: Option<f64>,
}

/// The least width of a terminal that shows the memory, too.
const WIDE: usize = 70;

/// The head of the table, for a terminal of this width. old: whether there is an old text.
pub fn head(old: bool, preferences: bool, width: usize) -> String {
    if preferences {
        let old = if old { "    old" } else { "" };
        return format!(" step  train    val margin  right{old}     time     left");
    }
    let old = if old { "    old" } else { "" };
    let memory = if width < WIDE { "" } else { "  memory" };
    format!(" step  epoch  train    val{old} tokens/s{memory}     time     left")
}

impl Row {
    /// The row, for a terminal of this width.
    pub fn text(&self, width: usize) -> String {
        let Row { iter, epochs, train, validation, .. } = self;
        let old = self.old.map_or(String::new(), |old| format!(" {old:>6.3}"));
        let dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        if let Some((margin, right)) = self.margin {
            return format!(
                "{iter:>5} {train:>6.3} {validation:>6.3} {margin:>6.2} {:>4.0} %{old} {:>8} {:>8}",
                100.0 * right,
                short(self.elapsed),
                dash(self.left.map(short)),
            );
        }
        let memory = match width < WIDE {
            true => String::new(),
            false => format!(" {:>7}", dash(self.memory.map(memory))),
        };
        format!(
            "{iter:>5} {epochs:>6.2} {train:>6.3} {validation:>6.3}{old} {:>8}{memory} {:>8} {:>8}",
            dash(self.tokens_per_second.map(|rate| thousands(rate as usize))),
            short(self.elapsed),
            dash(self.left.map(short)),
        )
    }
}

/// A time in at most eight characters: `59 s`, `12:05`, `1:23:45`.
fn short(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{}:{:02}", s / 60, s % 60),
        _ => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
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
            margin: None,
            tokens_per_second: Some(99_999.0),
            memory: Some(80_000_000_000),
            elapsed: 59.0,
            left: Some(36_000.0),
        };
        let pairs = Row { margin: Some((-1.25, 1.0)), ..row.clone() };
        for (row, width) in
            [(row.clone(), 60), (row.clone(), 80), (Row { old: None, ..row }, 80), (pairs, 60)]
        {
            let head = head(row.old.is_some(), row.margin.is_some(), width);
            let text = row.text(width);
            assert_eq!(head.chars().count(), text.chars().count(), "\n{head}\n{text}");
            assert!(text.chars().count() <= width, "{text}");
        }
    }
}
