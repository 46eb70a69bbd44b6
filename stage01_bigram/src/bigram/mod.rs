//! The first language models: the next token depends on the last one alone.
//!
//! A *bigram* is a pair of neighbours. Both models here are a table with one row for each
//! token, and in it one entry for each token that may follow. They differ in how the table
//! comes about:
//!
//! - [`CountedBigram`] counts the pairs of a text. No model that looks at one token only can
//!   fit that text better: it is the floor for the other, and for every later stage the
//!   number to beat.
//! - [`LearnedBigram`] starts from nothing and is pushed along the gradient of the loss, as
//!   all later models are. It walks down to the same floor, which shows that the pushing works.
//!
//! What this file leaves out: any memory beyond one token (`stage02_attention`).

mod counted;
mod learned;

pub use counted::CountedBigram;
pub use learned::LearnedBigram;

use crate::random::Generator;
use crate::sampling::Sampler;
use crate::{Error, Result};

// ANCHOR: generate
/// Continues from the token `first`: `count` tokens, each drawn given the one before.
///
/// `log_probabilities(previous, row)` fills in the model's row for the previous token.
fn generate(
    first: u32,
    count: usize,
    vocab_size: usize,
    sampler: &mut Sampler,
    rng: &mut Generator,
    mut log_probabilities: impl FnMut(u32, &mut [f64]) -> Result<()>,
) -> Result<Vec<u32>> {
    let mut row = vec![0.0; vocab_size];
    let mut previous = first;
    (0..count)
        .map(|_| {
            log_probabilities(previous, &mut row)?;
            previous = sampler.sample(&row, rng);
            Ok(previous)
        })
        .collect()
}
// ANCHOR_END: generate

/// The first of the tokens that the vocabulary does not have, as an error.
fn check_tokens(tokens: &[u32], vocab_size: usize) -> Result<()> {
    match tokens.iter().find(|&&token| token as usize >= vocab_size) {
        Some(&token) => Err(Error::UnknownToken { token, vocab_size }),
        None => Ok(()),
    }
}

// ANCHOR: mean_over_pairs
/// The mean of a sum over all pairs of neighbours in a text of `tokens` tokens.
///
/// # Errors
/// [`Error::Text`] when there are no pairs.
fn mean_over_pairs(sum: f64, tokens: usize) -> Result<f64> {
    if tokens < 2 {
        return Err(Error::text(
            "the text to measure",
            format!("it has {tokens} tokens, and so no token that follows another"),
            "give a longer one",
        ));
    }
    Ok(sum / (tokens - 1) as f64)
}
// ANCHOR_END: mean_over_pairs
