//! The data in numbers, for the screen.

use stage01_bigram::text::thousands;

use super::batches::Batches;
use super::example::{Example, Origin};

/// Examples and their rows in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many conversations there are.
    pub conversations: usize,
    /// How many messages they have.
    pub messages: usize,
    /// How many answers they have.
    pub answers: usize,
    /// How many pieces of plain text there are.
    pub pieces: usize,
    /// How many tokens all examples have.
    pub tokens: usize,
    /// How many of them are learned.
    pub learned: usize,
    /// How many tokens the longest example has.
    pub longest: usize,
    /// How many rows an epoch has.
    pub rows: usize,
    /// How many tokens a row has.
    pub block_size: usize,
    /// How many batches an epoch has.
    pub batches: u64,
}

impl Summary {
    /// The summary of all examples.
    pub fn of(batches: &Batches) -> Summary {
        let mut summary = Summary {
            rows: batches.rows(),
            block_size: batches.block_size(),
            batches: batches.per_epoch(),
            ..Summary::default()
        };
        batches.examples().iter().for_each(|example| summary.add(example));
        summary
    }

    fn add(&mut self, example: &Example) {
        match example.origin {
            Origin::Text => self.pieces += 1,
            Origin::Conversation { messages } => {
                self.conversations += 1;
                self.messages += messages;
                self.answers += example.answers.len();
            }
        }
        self.tokens += example.tokens.len();
        self.learned += example.learned();
        self.longest = self.longest.max(example.tokens.len());
    }

    /// The fraction of an epoch's rows that is padding.
    pub fn padding(&self) -> f64 {
        1.0 - self.tokens as f64 / (self.rows * self.block_size).max(1) as f64
    }

    /// Lines of at most 60 columns.
    pub fn lines(&self) -> Vec<String> {
        let line = |name: &str, number: usize, more: &str| {
            format!("{name:<14}{:>13}{more}", thousands(number))
        };
        let percent = |part: f64| format!("{:.0}%", 100.0 * part);
        let mut lines = Vec::new();
        if self.conversations > 0 {
            lines.push(line("conversations", self.conversations, ""));
            let answers = format!("  {} answers", thousands(self.answers));
            lines.push(line("turns", self.messages, &answers));
        }
        if self.pieces > 0 {
            lines.push(line("pieces of text", self.pieces, ""));
        }
        let learned = percent(self.learned as f64 / self.tokens.max(1) as f64);
        let padding = percent(self.padding());
        lines.push(line("tokens", self.tokens, ""));
        lines.push(line("with loss", self.learned, &format!("  {learned} of them")));
        lines.push(line("longest", self.longest, " tokens"));
        let name = format!("rows of {}", self.block_size);
        lines.push(line(&name, self.rows, &format!("  {padding} padding")));
        lines.push(line("batches", self.batches as usize, " in an epoch"));
        lines
    }
}
