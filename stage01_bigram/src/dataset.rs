//! Datasets: from a sequence of tokens to training examples.
//!
//! Predicting the next token needs no labels made by people: the text holds the answers. The inputs
//! are a window of `block_size` tokens, the targets the same window one step later:
//!
//! ```text
//! tokens    I n   t h e
//! inputs    I n   t h        what the model sees, position by position
//! targets   n   t h e        what came next at each position
//! ```
//!
//! So a window holds `block_size` examples, one at each position. Training draws windows at random
//! starts ([`Dataset::sample_batch`]); an evaluation takes all of them in order
//! ([`Dataset::windows`]), on held-out text ([`split`]), because a model can also memorise its
//! training text.
//!
//! ```
//! use stage01_bigram::dataset::Dataset;
//!
//! let data = Dataset::new(vec![5, 6, 7, 8, 9], 2)?;
//! let windows: Vec<_> = data.windows(2).collect();
//! assert_eq!(windows, [(&[5, 6][..], &[6, 7][..]), (&[7, 8], &[8, 9])]);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: data that does not fit into memory (`stage04_training`).

use rand::RngExt;

use crate::random::Generator;
use crate::{Error, Result};

/// The tokens of one text, long enough for at least one window with its targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    tokens: Vec<u32>,
}

impl Dataset {
    /// A dataset of windows of `block_size` tokens.
    ///
    /// # Errors
    /// [`Error::Setting`] when there are not at least `block_size` + 1 tokens, or the block
    /// size is 0.
    pub fn new(tokens: Vec<u32>, block_size: usize) -> Result<Self> {
        let len = tokens.len();
        if block_size == 0 {
            return Err(Error::setting("--block-size", 0, "expected at least 1"));
        }
        if len < 2 {
            return Err(Error::setting(
                "--block-size",
                block_size,
                format!(
                    "a window and its targets need at least 2 tokens, but this part of the text \
                     has {len}; give a longer text"
                ),
            ));
        }
        if len <= block_size {
            return Err(Error::setting(
                "--block-size",
                block_size,
                format!(
                    "a window and its targets need {} tokens, but this part of the text has \
                     {len}; give a longer text, or a block size of at most {}",
                    block_size.saturating_add(1),
                    len - 1
                ),
            ));
        }
        Ok(Self { tokens })
    }

    /// Number of tokens.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// All tokens, in the order of the text.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Draws `batch_size` windows, each start as likely as any other.
    ///
    ///   inputs\[b, t\] = tokens\[start\[b\] + t\],  targets\[b, t\] = tokens\[start\[b\] + t + 1\]
    ///
    /// inputs, targets: (batch_size, block_size), row after row; what was in them is replaced,
    /// and after the first call nothing is allocated. The same generator gives the same batch
    /// on every machine.
    ///
    /// # Panics
    /// If the text is shorter than `block_size` + 1 tokens.
    // ANCHOR: sample_batch
    pub fn sample_batch(
        &self,
        batch_size: usize,
        block_size: usize,
        rng: &mut Generator,
        inputs: &mut Vec<u32>,
        targets: &mut Vec<u32>,
    ) {
        assert!(block_size < self.len(), "{} tokens hold no window of {block_size}", self.len());
        // u64 and not usize, which would use other random numbers on a 32-bit machine.
        let starts = (self.len() - block_size) as u64;
        inputs.clear();
        targets.clear();
        for _ in 0..batch_size {
            let start = rng.random_range(0..starts) as usize;
            inputs.extend_from_slice(&self.tokens[start..start + block_size]);
            targets.extend_from_slice(&self.tokens[start + 1..start + block_size + 1]);
        }
    }
    // ANCHOR_END: sample_batch

    // ANCHOR: windows
    /// All windows in order, as (inputs, targets), without overlap: every token but the first
    /// is a target exactly once. The last window may be shorter.
    ///
    /// # Panics
    /// If `block_size` is 0.
    pub fn windows(&self, block_size: usize) -> impl ExactSizeIterator<Item = (&[u32], &[u32])> {
        let examples = self.len() - 1;
        (0..examples).step_by(block_size).map(move |start| {
            let end = start.saturating_add(block_size).min(examples);
            (&self.tokens[start..end], &self.tokens[start + 1..end + 1])
        })
    }
    // ANCHOR_END: windows
}

/// Splits a text in two: the training set and the validation set.
///
/// The first part is the first ⌊n · `train_fraction`⌋ of the n characters, as in nanoGPT. It is
/// a cut, not a shuffle: neighbouring sentences are too alike for one of them to be a fair
/// test of the other.
///
/// # Errors
/// [`Error::Setting`] when the fraction is not between 0 and 1, or the text so short that a
/// part would be empty.
///
/// ```
/// let (train, validation) = stage01_bigram::dataset::split("0123456789", 0.9)?;
/// assert_eq!((train, validation), ("012345678", "9"));
/// # Ok::<(), stage01_bigram::Error>(())
/// ```
pub fn split(text: &str, train_fraction: f64) -> Result<(&str, &str)> {
    // Written this way round, NaN is refused as well.
    if !(train_fraction > 0.0 && train_fraction < 1.0) {
        return Err(Error::setting(
            "--train-fraction",
            train_fraction,
            "expected a number above 0 and below 1, such as 0.9",
        ));
    }
    // ANCHOR: split
    let chars = text.chars().count();
    let first = (chars as f64 * train_fraction) as usize;
    let at = text.char_indices().nth(first).map_or(text.len(), |(at, _)| at);
    let parts = text.split_at(at);
    // ANCHOR_END: split
    if first == 0 || first == chars {
        return Err(Error::setting(
            "--train-fraction",
            train_fraction,
            format!(
                "of a text of {chars} characters this leaves none for one of the two parts; \
                 give a longer text"
            ),
        ));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};
    use proptest::prelude::*;

    fn counting(len: usize) -> Vec<u32> {
        (0..len as u32).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn targets_are_the_inputs_one_step_later(
            len in 2..80usize, block in 1..80usize, batch in 1..9usize, seed: u64,
        ) {
            let block = block.min(len - 1);
            let data = Dataset::new(counting(len), block).unwrap();
            let (mut x, mut y) = (vec![7; 3], vec![7; 5]);
            let mut rng = generator(seed, Purpose::Batch, 0);
            data.sample_batch(batch, block, &mut rng, &mut x, &mut y);
            prop_assert_eq!((x.len(), y.len()), (batch * block, batch * block));
            for (x, y) in x.chunks(block).zip(y.chunks(block)) {
                for t in 0..block {
                    prop_assert_eq!(x[t], x[0] + t as u32);
                    prop_assert_eq!(y[t], x[t] + 1);
                }
            }
        }

        #[test]
        fn windows_cover_every_target_once(len in 2..200usize, block in 1..210usize) {
            let data = Dataset::new(counting(len), 1).unwrap();
            let mut next = 0;
            for (x, y) in data.windows(block) {
                prop_assert!(x.len() == y.len() && !x.is_empty() && x.len() <= block);
                for (&x, &y) in x.iter().zip(y) {
                    prop_assert_eq!((x, y), (next, next + 1));
                    next += 1;
                }
            }
            prop_assert_eq!(next as usize, len - 1);
            prop_assert_eq!(data.windows(block).len(), (len - 1).div_ceil(block));
        }

        #[test]
        fn split_loses_nothing_and_cuts_between_characters(
            text in "\\PC{2,40}", fraction in 0.01..0.99f64,
        ) {
            let chars = text.chars().count();
            match split(&text, fraction) {
                Ok((train, rest)) => {
                    prop_assert_eq!([train, rest].concat(), text.as_str());
                    prop_assert_eq!(train.chars().count(), (chars as f64 * fraction) as usize);
                    prop_assert!(!train.is_empty() && !rest.is_empty());
                }
                Err(_) => prop_assert_eq!((chars as f64 * fraction) as usize, 0),
            }
        }
    }

    #[test]
    fn every_start_is_drawn_and_the_stream_stays_the_same() {
        let data = Dataset::new(counting(10), 3).unwrap();
        let (mut x, mut y) = (vec![], vec![]);
        data.sample_batch(500, 3, &mut generator(1, Purpose::Batch, 0), &mut x, &mut y);
        let mut starts = [0; 10];
        x.chunks(3).for_each(|window| starts[window[0] as usize] += 1);
        assert!(starts[..7].iter().all(|&n| n > 40), "{starts:?}");
        assert_eq!(starts[7..], [0, 0, 0]);

        let first: Vec<u32> = x.chunks(3).take(8).map(|window| window[0]).collect();
        assert_eq!(first, GOLDEN_STARTS, "a seed must keep its meaning");
    }
    /// Computed once by this very code: no other is known to be right, but it may not change.
    const GOLDEN_STARTS: [u32; 8] = [4, 5, 3, 1, 0, 5, 1, 0];

    #[test]
    fn too_short_a_text_says_how_long_it_should_be() {
        let message = |len, block| Dataset::new(counting(len), block).unwrap_err().to_string();
        assert_eq!(
            message(256, 256),
            "--block-size = 256: a window and its targets need 257 tokens, but this part of the \
             text has 256; give a longer text, or a block size of at most 255"
        );
        assert!(message(1, 1).contains("at least 2 tokens"));
        assert!(message(9, 0).contains("at least 1"));
        assert!(Dataset::new(counting(257), 256).is_ok());
        assert!(message(5, usize::MAX).contains("at most 4"));
    }

    #[test]
    fn a_fraction_outside_zero_and_one_is_refused() {
        for bad in [0.0, 1.0, -0.5, 2.0, f64::NAN, f64::INFINITY] {
            assert!(split("some text", bad).is_err(), "{bad}");
        }
        assert!(split("", 0.5).unwrap_err().to_string().contains("0 characters"));
        assert!(split("a", 0.9).is_err());
    }
}
