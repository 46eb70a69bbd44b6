//! The bigram model by counting.
//!
//! How likely is `h` after `t`? Count how often `t` was followed by anything, and how often by `h`,
//! and divide. A pair that never occurred would get probability 0, and a text that has it an
//! infinite loss. So k is added to the count of every pair (*add-k smoothing*; Laplace's rule of
//! succession for k = 1):
//!
//! ```text
//! p(b | a) = (count(a, b) + k) / (count(a) + k·V)
//! ```
//!
//! The more the text says about a, the less k matters. For an a that the text never showed,
//! all V tokens are equally likely.

use rustc_hash::FxHashMap;

use super::{Bigram, check_tokens};
use crate::{Error, Result};

/// Up to this vocabulary size the counts are a dense matrix: 1024 · 1024 numbers of 8 bytes.
const DENSE_UP_TO: usize = 1024;

/// How often each token followed each other one, and the probabilities that follow from it.
#[derive(Clone, Debug)]
pub struct CountedBigram {
    vocab_size: usize,
    smoothing: f64,
    pairs: Pairs,
    /// count(a): how often each token was followed by any.
    totals: Vec<u64>,
}

// ANCHOR: pairs
/// count(a, b).
#[derive(Clone, Debug)]
enum Pairs {
    /// Row a, column b, of a matrix.
    Dense(Vec<u64>),
    /// Only the pairs that occur: of the 2.5 billion pairs that 50,000 tokens can form, a text
    /// of a million tokens has less than one in a thousand.
    Sparse(FxHashMap<(u32, u32), u64>),
}
// ANCHOR_END: pairs

impl CountedBigram {
    /// Counts the pairs of neighbours in a text.
    ///
    /// `smoothing` is the k of add-k smoothing: 1 is the classic, small numbers such as 0.01 suit
    /// large vocabularies, 0 is the bare count.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that is not below `vocab_size`; [`Error::Setting`]
    /// for a k that is negative or not a number.
    ///
    /// ```
    /// use stage01_bigram::bigram::CountedBigram;
    /// // 0 is followed by 1 twice and by 2 once; k = 1, V = 3.
    /// let model = CountedBigram::count(&[0, 1, 0, 2, 0, 1], 3, 1.0)?;
    /// assert_eq!(model.probability(0, 1)?, (2.0 + 1.0) / (3.0 + 3.0));
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    pub fn count(tokens: &[u32], vocab_size: usize, smoothing: f64) -> Result<Self> {
        if !(smoothing >= 0.0 && smoothing.is_finite()) {
            return Err(Error::setting("smoothing", smoothing, "expected 0 or a positive number"));
        }
        // ANCHOR: count
        check_tokens(tokens, vocab_size)?;
        let neighbours = tokens.iter().zip(tokens.iter().skip(1));
        let mut totals = vec![0; vocab_size];
        neighbours.clone().for_each(|(&a, _)| totals[a as usize] += 1);
        let pairs = if vocab_size <= DENSE_UP_TO {
            let mut table = vec![0; vocab_size * vocab_size];
            neighbours.for_each(|(&a, &b)| table[a as usize * vocab_size + b as usize] += 1);
            Pairs::Dense(table)
        } else {
            let mut map = FxHashMap::default();
            neighbours.for_each(|(&a, &b)| *map.entry((a, b)).or_insert(0) += 1);
            Pairs::Sparse(map)
        };
        Ok(Self { vocab_size, smoothing, pairs, totals })
        // ANCHOR_END: count
    }

    /// Number of distinct pairs that occur.
    pub fn distinct_pairs(&self) -> usize {
        match &self.pairs {
            Pairs::Dense(table) => table.iter().filter(|&&count| count > 0).count(),
            Pairs::Sparse(map) => map.len(),
        }
    }

    /// p(next | previous).
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that is not below the vocabulary's size.
    pub fn probability(&self, previous: u32, next: u32) -> Result<f64> {
        check_tokens(&[previous, next], self.vocab_size)?;
        Ok(self.known(previous, next))
    }

    // ANCHOR: probability
    /// p(b | a) for tokens that exist.
    fn known(&self, a: u32, b: u32) -> f64 {
        let count = match &self.pairs {
            Pairs::Dense(table) => table[a as usize * self.vocab_size + b as usize],
            Pairs::Sparse(map) => map.get(&(a, b)).copied().unwrap_or(0),
        };
        let all = self.totals[a as usize] as f64 + self.smoothing * self.vocab_size as f64;
        if all == 0.0 {
            // No count and k = 0: the limit of the formula as k tends to 0.
            return 1.0 / self.vocab_size as f64;
        }
        (count as f64 + self.smoothing) / all
    }
    // ANCHOR_END: probability
}

impl Bigram for CountedBigram {
    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn log_probabilities(&self, previous: u32, row: &mut [f64]) -> Result<()> {
        assert_eq!(row.len(), self.vocab_size, "one log-probability for each token");
        check_tokens(&[previous], self.vocab_size)?;
        for (b, log_p) in (0..).zip(row) {
            *log_p = self.known(previous, b).ln();
        }
        Ok(())
    }

    // ANCHOR: sum_loss
    /// The sum over all pairs of neighbours, in one pass.
    fn sum_loss(&self, tokens: &[u32]) -> Result<f64> {
        check_tokens(tokens, self.vocab_size)?;
        Ok(tokens.windows(2).map(|pair| -self.known(pair[0], pair[1]).ln()).sum())
    }
    // ANCHOR_END: sum_loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};
    use crate::sampling::Sampler;
    use proptest::prelude::*;

    prop_compose! {
        fn text()(vocab in 1..6u32)(
            vocab in Just(vocab as usize), tokens in prop::collection::vec(0..vocab, 2..60),
        ) -> (usize, Vec<u32>) { (vocab, tokens) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_row_is_a_distribution((vocab, tokens) in text(), k in 0.0..3.0f64) {
            let model = CountedBigram::count(&tokens, vocab, k).unwrap();
            let mut row = vec![0.0; vocab];
            for a in 0..vocab as u32 {
                model.log_probabilities(a, &mut row).unwrap();
                let sum: f64 = row.iter().map(|log_p| log_p.exp()).sum();
                prop_assert!((sum - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn the_sparse_table_is_the_dense_one((vocab, tokens) in text(), k in 0.0..3.0f64) {
            let dense = CountedBigram::count(&tokens, vocab, k).unwrap();
            // The same table behind a hash map, as a larger vocabulary has it.
            let Pairs::Sparse(map) = CountedBigram::count(&tokens, 5000, k).unwrap().pairs else {
                panic!("5000 tokens should be stored sparsely");
            };
            let sparse = CountedBigram { pairs: Pairs::Sparse(map), ..dense.clone() };
            prop_assert_eq!(dense.sum_loss(&tokens).unwrap(), sparse.sum_loss(&tokens).unwrap());
            prop_assert_eq!(dense.distinct_pairs(), sparse.distinct_pairs());
        }

        #[test]
        fn no_other_table_fits_the_text_better((vocab, tokens) in text(), other in text()) {
            let bare = CountedBigram::count(&tokens, vocab, 0.0).unwrap();
            let others: Vec<u32> = other.1.iter().map(|t| t % vocab as u32).collect();
            for (tokens_of_other, k) in [(&tokens, 0.5), (&others, 0.5)] {
                let rival = CountedBigram::count(tokens_of_other, vocab, k).unwrap();
                prop_assert!(
                    bare.sum_loss(&tokens).unwrap() <= rival.sum_loss(&tokens).unwrap() + 1e-9
                );
            }
        }
    }

    #[test]
    fn the_example_for_paper() {
        // "abacab": a is followed by b, c, b; b by a; c by a. Without smoothing a's row is
        // 2/3 for b and 1/3 for c, and what follows b and c is certain.
        let tokens = [0, 1, 0, 2, 0, 1];
        let model = CountedBigram::count(&tokens, 3, 0.0).unwrap();
        let by_hand = -(2.0 / 3.0f64).ln() - (1.0 / 3.0f64).ln() - (2.0 / 3.0f64).ln();
        assert!((model.sum_loss(&tokens).unwrap() - by_hand).abs() < 1e-15);
        assert!((model.mean_loss(&tokens).unwrap() - by_hand / 5.0).abs() < 1e-15);
        assert_eq!(model.distinct_pairs(), 4);
        assert_eq!(model.sum_loss(&[1, 1]).unwrap(), f64::INFINITY);
    }

    #[test]
    fn after_a_token_never_seen_all_tokens_are_equally_likely() {
        for k in [0.0, 1e-6, 1.0] {
            let model = CountedBigram::count(&[0, 0], 4, k).unwrap();
            assert_eq!(model.probability(3, 1).unwrap(), 0.25);
        }
    }

    #[test]
    fn a_certain_table_writes_its_text() {
        let model = CountedBigram::count(&[0, 1, 2, 0], 2000, 0.0).unwrap();
        let mut rng = generator(1, Purpose::Sampling, 0);
        let written = model.generate(0, 5, &mut Sampler::default(), &mut rng).unwrap();
        assert_eq!(written, [1, 2, 0, 1, 2]);
    }

    #[test]
    fn what_cannot_be_counted_is_an_error() {
        let message = CountedBigram::count(&[0, 3], 3, 1.0).unwrap_err().to_string();
        assert_eq!(message, "token 3 does not exist: the vocabulary has 3 tokens, 0 to 2");
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(CountedBigram::count(&[0, 1], 2, bad).is_err());
        }
        let model = CountedBigram::count(&[], 3, 1.0).unwrap();
        assert!(model.sum_loss(&[5]).is_err());
        assert!(model.probability(0, 3).is_err());
        assert!(model.log_probabilities(3, &mut [0.0; 3]).is_err());
        assert_eq!(model.sum_loss(&[2]).unwrap(), 0.0);
        assert!(model.mean_loss(&[2]).unwrap_err().to_string().contains("1 tokens"));
    }
}
