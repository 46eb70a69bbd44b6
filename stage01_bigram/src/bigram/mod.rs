//! The first language models: the next token depends on the last one alone.
//!
//! A *bigram* is a pair of neighbours. Both models here have one row for each token, and in it one
//! entry for each token that may follow. They differ in how the entries are found:
//!
//! - [`CountedBigram`] counts the pairs of a text. No model that looks at one token only can fit
//!   that text better: its loss is the floor for the other model, and the baseline for every later
//!   stage.
//! - [`LearnedBigram`] starts with zeros and is trained by gradient descent, as all later models
//!   are. Its loss falls to the same floor, which shows that the training works.
//!
//! What both can do is the trait [`Bigram`].
//!
//! ```
//! use stage01_bigram::bigram::{Bigram, CountedBigram, LearnedBigram};
//! let text = [0, 1, 0, 2, 0, 1];
//! let counted = CountedBigram::count(&text, 3, 0.0)?;
//! let mut learned = LearnedBigram::<f32>::new(3)?;
//! assert!((learned.mean_loss(&text)? - 3f64.ln()).abs() < 1e-6); // all tokens equally likely
//! for _ in 0..1000 {
//!     learned.step(&text[..5], &text[1..], 1.0)?;
//! }
//! assert!(learned.mean_loss(&text)? - counted.mean_loss(&text)? < 0.01);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: any memory beyond one token (`stage02_attention`).

mod counted;
mod learned;

pub use counted::CountedBigram;
pub use learned::LearnedBigram;

use crate::random::Generator;
use crate::sampling::Sampler;
use crate::{Error, Result};

/// A model that gives each token a probability, given the one before it.
///
/// A model computes log-probabilities; the loss of a text, and how a text is continued, follow from
/// them.
pub trait Bigram {
    /// The vocabulary size.
    fn vocab_size(&self) -> usize;

    /// The row of one token: log p(b | previous) for every b; −∞ where the probability is 0.
    ///
    /// row: (vocab_size).
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a previous token that does not exist.
    ///
    /// # Panics
    /// If the row has another length.
    fn log_probabilities(&self, previous: u32, row: &mut [f64]) -> Result<()>;

    /// The negative log-likelihood of a text: −log p of every token given the one before, summed,
    /// in nats. The first token has none before it and does not count. +∞ if a pair has probability
    /// 0.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that does not exist.
    fn sum_loss(&self, tokens: &[u32]) -> Result<f64>;

    // ANCHOR: mean_over_pairs
    /// [`Bigram::sum_loss`] per predicted token: divided by the number of tokens less one.
    ///
    /// # Errors
    /// As there, and [`Error::Text`] for fewer than two tokens.
    fn mean_loss(&self, tokens: &[u32]) -> Result<f64> {
        let sum = self.sum_loss(tokens)?;
        if tokens.len() < 2 {
            return Err(Error::text(
                "the text to measure",
                format!("it has {} tokens, and so no token that follows another", tokens.len()),
                "give a longer one",
            ));
        }
        Ok(sum / (tokens.len() - 1) as f64)
    }
    // ANCHOR_END: mean_over_pairs

    /// Continues from the token `first`: `count` tokens, each drawn given the one before.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] when `first` does not exist.
    // ANCHOR: generate
    fn generate(
        &self,
        first: u32,
        count: usize,
        sampler: &mut Sampler,
        rng: &mut Generator,
    ) -> Result<Vec<u32>> {
        let mut row = vec![0.0; self.vocab_size()];
        let mut previous = first;
        (0..count)
            .map(|_| {
                self.log_probabilities(previous, &mut row)?;
                previous = sampler.sample(&row, rng);
                Ok(previous)
            })
            .collect()
    }
    // ANCHOR_END: generate
}

/// The first of the tokens that the vocabulary does not have, as an error.
fn check_tokens(tokens: &[u32], vocab_size: usize) -> Result<()> {
    match tokens.iter().find(|&&token| token as usize >= vocab_size) {
        Some(&token) => Err(Error::UnknownToken { token, vocab_size }),
        None => Ok(()),
    }
}
