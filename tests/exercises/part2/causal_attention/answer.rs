//! Causal attention: each token looks at itself and at those before it, and takes a mixture of
//! their values.
//!
//!   s[i, j] = (q[i] . k[j]) / sqrt(d)              scores; d is the number of columns
//!   s[i, j] = -infinity  where i may not see j     the mask, before the softmax
//!   att[i]  = softmax of row i of s                each row adds up to 1
//!   y[i]    = sum over j of att[i, j] * v[j]       the mixture
//!
//! There may be fewer queries than keys: then the queries belong to the LAST tokens. Query i of
//! Q, with K keys, sees keys 0 up to and with K - Q + i. With as many queries as keys, it sees
//! keys 0 to i; a single query sees all keys.
//!
//! On paper: two tokens with q = k = v = 1 and 2. Token 0 sees itself: att = (1, 0), y = 1.
//! Token 1 has the scores 2 and 4: att = (0.119, 0.881), y = 1.881.

use ndarray::{Array2, s};

/// The attention weights, and the mixtures of the values.
///
/// q: (queries, d); k, v: (keys, d). Returns att: (queries, keys), with zeros where the mask
/// hides, and y: (queries, d).
pub fn attention(q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
    // SOLUTION
    let (queries, keys) = (q.nrows(), k.nrows());
    let mut att = q.dot(&k.t()) / (q.ncols() as f64).sqrt();
    for (i, mut row) in att.rows_mut().into_iter().enumerate() {
        let visible = keys - queries + i + 1;
        row.slice_mut(s![visible..]).fill(f64::NEG_INFINITY);
        let max = row.fold(f64::NEG_INFINITY, |max, &score| max.max(score));
        row.mapv_inplace(|score| (score - max).exp());
        let sum = row.sum();
        row /= sum;
    }
    let y = att.dot(v);
    (att, y)
    // STUB
    // todo!()
    // END
}
