//! Find the bug.
//!
//! An encoder reads texts that are complete, so every token may see every other: there is no
//! mask. The model learns badly. Somebody has printed the mixtures of one head. All values were
//! numbers from 0 to 1, and the mixtures were numbers such as 0.2 and 1.9. Then the query of
//! one token was changed, and nothing else. The attention weights of the other tokens moved.
//!
//! It should be
//!
//!   s[i, j]   = (q[i] . k[j]) / sqrt(d)
//!   att[i, j] = exp(s[i, j]) / (sum over l of exp(s[i, l]))
//!   y[i]      = sum over j of att[i, j] * v[j]
//!
//! Find the mistake and mend it. Everything compiles, and all shapes are right.

use ndarray::Array2;

/// The attention weights of every token for every other.
///
/// q, k: (T, d). Returns (T, T).
pub fn attention_weights(q: &Array2<f64>, k: &Array2<f64>) -> Array2<f64> {
    let length = q.nrows();
    let mut att = q.dot(&k.t()) / (q.ncols() as f64).sqrt();
    for i in 0..length {
        let mut max = f64::NEG_INFINITY;
        for j in 0..length {
            max = max.max(att[[i, j]]);
        }
        let mut sum = 0.0;
        for j in 0..length {
            att[[i, j]] = (att[[i, j]] - max).exp();
            sum += att[[i, j]];
        }
        for j in 0..length {
            att[[i, j]] /= sum;
        }
    }
    att
}

/// What each token takes.
///
/// att: (T, T); v: (T, d). Returns (T, d).
pub fn mixtures(att: &Array2<f64>, v: &Array2<f64>) -> Array2<f64> {
    att.dot(v)
}
