//! Attention of a single query, in three steps.
//!
//!   scores[j]  = (q . keys[j]) / sqrt(d)                   how well does it fit each key?
//!   weights[j] = exp(scores[j]) / (sum of all exp)         shares that add up to 1
//!   y[c]       = sum over j of weights[j] * values[j, c]   the mixture
//!
//! d is the length of the query. On paper: `the dog barked`, with the query 1, the keys 0,
//! ln 3, 0 and the values 5, 10, 0. The scores are 0, ln 3, 0; the weights 1/5, 3/5, 1/5; and
//! the mixture is 7.

use ndarray::Array2;

/// How well the query fits each key.
///
/// q: (d); keys: (n, d). Returns (n).
pub fn scores(q: &[f64], keys: &Array2<f64>) -> Vec<f64> {
    // SOLUTION
    let root = (q.len() as f64).sqrt();
    let dot = |j: usize| (0..q.len()).map(|c| q[c] * keys[[j, c]]).sum::<f64>();
    (0..keys.nrows()).map(|j| dot(j) / root).collect()
    // STUB
    // todo!()
    // END
}

/// The attention weights: the softmax of the scores. Shape of both: (n).
pub fn weights(scores: &[f64]) -> Vec<f64> {
    // SOLUTION
    let max = scores.iter().fold(f64::NEG_INFINITY, |max, &score| max.max(score));
    let exps: Vec<f64> = scores.iter().map(|score| (score - max).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|e| e / sum).collect()
    // STUB
    // todo!()
    // END
}

/// The mixture of the values.
///
/// weights: (n); values: (n, d). Returns (d).
pub fn mixture(weights: &[f64], values: &Array2<f64>) -> Vec<f64> {
    // SOLUTION
    let mix = |c: usize| (0..weights.len()).map(|j| weights[j] * values[[j, c]]).sum();
    (0..values.ncols()).map(mix).collect()
    // STUB
    // todo!()
    // END
}
