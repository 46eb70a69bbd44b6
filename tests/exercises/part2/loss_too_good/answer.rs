//! Find the bug.
//!
//! A model is trained with causal attention. After two hundred steps its validation loss is
//! 0.05 nats per character, far below what people reach who guess letters. When it writes, it
//! says `aaaaaaaaaaaaaaaa`. Measured at the last place of each window alone, its loss is 2.4.
//!
//! The attention weights are made here. It should be
//!
//!   att[i, j] = exp(s[i, j]) / (sum over the keys l that i sees of exp(s[i, l]))
//!
//! for the keys j that query i sees, and 0 for the others. The queries belong to the last of
//! the tokens: query i of Q, with K keys, sees keys 0 up to and with K - Q + i.
//!
//! Find the mistake and mend it.

use ndarray::Array2;

/// The attention weights. scores: (queries, keys), already divided. The same shape.
pub fn causal_weights(scores: &Array2<f64>) -> Array2<f64> {
    let (queries, keys) = scores.dim();
    let mut att = Array2::zeros((queries, keys));
    for i in 0..queries {
        let last = keys - queries + i;
        let max = (0..=last).map(|j| scores[[i, j]]).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..=last).map(|j| (scores[[i, j]] - max).exp()).sum();
        for j in 0..=last {
            att[[i, j]] = (scores[[i, j]] - max).exp() / sum;
        }
    }
    att
}
