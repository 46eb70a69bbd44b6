//! An experiment: why are scores divided by sqrt(d)?
//!
//! A score is a dot product, q\[0\] k\[0\] + q\[1\] k\[1\] + ... with d terms. When the numbers
//! in queries and keys are about one in size, so is each term, half of them above zero and
//! half below. Adding d such terms is a walk of d steps, each as likely forwards as backwards:
//! one ends about sqrt(d) steps from where one began. The variance, which is the mean square
//! of that distance, is d.
//!
//! So long vectors make large scores, and softmax takes scores as exponents. Where the scores of a
//! row lie 30 apart, one key gets all the attention and the others none. This is saturation: no
//! nudge of a score moves an attention weight, so the gradient that comes back through the softmax
//! vanishes, and nothing is learned. Dividing by sqrt(d) makes the variance one, whatever the
//! length (Vaswani and others 2017, section 3.2.1).
//!
//! [`measure`] draws random queries and keys and computes these quantities:
//!
//! ```
//! use stage02_attention::scaling::measure;
//!
//! let rows = measure(&[256], 1);
//! assert!((rows[0].plain.variance / 256.0 - 1.0).abs() < 0.1); // about d
//! assert!((rows[0].divided.variance - 1.0).abs() < 0.1); // about 1
//! assert!(rows[0].plain.gradient < rows[0].divided.gradient);
//! ```

use ndarray::Array2;
use stage01_bigram::loss::softmax_in_place;
use stage01_bigram::random::{Generator, Purpose, generator};

use crate::matmul::gemm;
use crate::params::fill_normal;

/// Number of keys that each query attends to.
pub const KEYS: usize = 64;

/// Number of random query and key matrices for each row of the experiment.
const ROUNDS: usize = 16;

/// Statistics of scores and attention weights. Means over many random queries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// The variance of the scores.
    pub variance: f64,
    /// The entropy of the attention weights of a query, in nats: ln [`KEYS`] when all are equal, 0
    /// when one is 1.
    pub entropy: f64,
    /// The largest attention weight of a query.
    pub largest_weight: f64,
    /// The size of the gradient with respect to the scores of a query: the sum of its absolute
    /// values, when the gradient with respect to the attention weights is drawn from a normal
    /// distribution with standard deviation 1.
    pub gradient: f64,
}

/// One length of queries and keys, with and without the division.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The length of queries and keys.
    pub d: usize,
    /// Scores q · k as they are.
    pub plain: Scores,
    /// Scores divided by sqrt(d).
    pub divided: Scores,
}

// ANCHOR: measure
/// Draws queries and keys of every length in `lengths` and measures their scores.
///
/// All numbers come from a normal distribution around 0 with standard deviation 1.
pub fn measure(lengths: &[usize], seed: u64) -> Vec<Row> {
    lengths
        .iter()
        .map(|&d| {
            let [mut plain, mut divided] = [Scores::default(); 2];
            for round in 0..ROUNDS {
                let mut rng = generator(seed, Purpose::Other, round as u64);
                let (q, k) = (normal(d, &mut rng), normal(d, &mut rng));
                // A random gradient of the attention weights.
                let datt = normal(KEYS, &mut rng);
                for (scale, result) in [(1.0, &mut plain), (1.0 / (d as f64).sqrt(), &mut divided)]
                {
                    let mut scores = Array2::zeros((KEYS, KEYS));
                    gemm(scale, q.view(), k.t(), 0.0, &mut scores.view_mut());
                    for (scores, datt) in scores.rows_mut().into_iter().zip(datt.rows()) {
                        result.add(
                            scores.into_slice().expect("rows are contiguous"),
                            datt.to_slice().expect("rows are contiguous"),
                        );
                    }
                }
            }
            Row { d, plain, divided }
        })
        .collect()
}
// ANCHOR_END: measure

/// As many random vectors of length `d` as there are keys.
fn normal(d: usize, rng: &mut Generator) -> Array2<f64> {
    let mut matrix = Array2::zeros((KEYS, d));
    fill_normal(matrix.as_slice_mut().expect("a new matrix is contiguous"), 1.0, rng);
    matrix
}

impl Scores {
    /// Adds one query's part to the means.
    fn add(&mut self, scores: &mut [f64], datt: &[f64]) {
        let part = 1.0 / (ROUNDS * KEYS) as f64;
        // ANCHOR: add
        // Their mean is known to be 0, so the variance is the mean square.
        self.variance += part * scores.iter().map(|s| s * s).sum::<f64>() / scores.len() as f64;
        softmax_in_place(scores);
        let p = scores;
        let surprise = |&p: &f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
        self.entropy += part * p.iter().map(surprise).sum::<f64>();
        self.largest_weight += part * p.iter().copied().fold(0.0, f64::max);
        // The backward pass of the softmax, as in `attention::scaled_dot_product`.
        let mean: f64 = p.iter().zip(datt).map(|(p, dp)| p * dp).sum();
        let dscores = p.iter().zip(datt).map(|(p, dp)| p * (dp - mean));
        self.gradient += part * dscores.map(f64::abs).sum::<f64>();
        // ANCHOR_END: add
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_variance_is_d_without_the_division_and_one_with_it(d in 1usize..200, seed: u64) {
            let [row] = measure(&[d], seed)[..] else { unreachable!() };
            // The mean square of 1024 queries times that of 1024 keys: their uncertainty is
            // sqrt(4 / (1024 d)). Five times that is allowed.
            let allowed = 5.0 * (4.0 / (1024.0 * d as f64)).sqrt() + 0.02;
            prop_assert!((row.plain.variance / d as f64 - 1.0).abs() < allowed, "{row:?}");
            prop_assert!((row.divided.variance - 1.0).abs() < allowed, "{row:?}");
            prop_assert!((row.plain.variance / row.divided.variance / d as f64 - 1.0).abs() < 1e-9);
        }

        #[test]
        fn equal_scores_and_one_winner_are_the_two_ends(datt in prop::collection::vec(-1.0..1.0f64, KEYS)) {
            let scale = (ROUNDS * KEYS) as f64;
            let (mut even, mut winner) = (Scores::default(), Scores::default());
            even.add(&mut [3.0; KEYS], &datt);
            prop_assert!((scale * even.entropy - (KEYS as f64).ln()).abs() < 1e-9);
            prop_assert!((scale * even.largest_weight - 1.0 / KEYS as f64).abs() < 1e-12);
            let mut scores = [0.0; KEYS];
            scores[5] = 1000.0;
            winner.add(&mut scores, &datt);
            prop_assert_eq!((winner.entropy, scale * winner.largest_weight, winner.gradient), (0.0, 1.0, 0.0));
        }
    }

    #[test]
    fn without_the_division_attention_and_gradient_collapse() {
        let rows = measure(&[4, 16, 64, 256, 1024], 1);
        let ln = (KEYS as f64).ln();
        for pair in rows.windows(2) {
            assert!(pair[1].plain.entropy < 0.7 * pair[0].plain.entropy, "{pair:?}");
            assert!(pair[1].plain.largest_weight > pair[0].plain.largest_weight, "{pair:?}");
            assert!(pair[1].plain.gradient < 0.8 * pair[0].plain.gradient, "{pair:?}");
        }
        let last = rows[4];
        assert!(last.plain.entropy < 0.05 * ln && last.plain.largest_weight > 0.9, "{last:?}");
        assert!(last.plain.gradient < 0.12, "{last:?}");
        for row in &rows {
            // With it, nothing depends on d but the tails of a short sum.
            assert!(row.divided.entropy > 0.8 * ln && row.divided.largest_weight < 0.25, "{row:?}");
            assert!(row.divided.gradient > 0.6, "{row:?}");
        }
        assert_eq!(rows, measure(&[4, 16, 64, 256, 1024], 1));
    }
}
