//! Find the bug.
//!
//! Queries, keys and values are three linear layers of the same x. Their backward pass stands
//! here. The check of a single linear layer passes. Nudges of the weights of all three layers
//! agree with dw. And yet the model learns more slowly than it should. Somebody nudged the
//! embeddings, which are below this layer, and hardly any derivative was right. Then all
//! weights of the VALUES were set to zero, and no gradient arrived at the embeddings at all,
//! although nudging them still moved the attention weights.
//!
//! It should be, with the three layers numbered 0 (queries), 1 (keys), 2 (values):
//!
//!   dw[n] += x' d[n]           for each layer n
//!   dx = d[0] w[0]' + d[1] w[1]' + d[2] w[2]'
//!
//! Find the mistake and mend it.

use ndarray::Array2;

/// Returns dx, and adds to the gradients of the three layers.
///
/// x: (T, C); w, dw: the weights and their gradients, each (C, d); d: the gradients of queries,
/// keys and values, each (T, d). Returns (T, C).
pub fn back_to_tokens(
    x: &Array2<f64>,
    w: &[Array2<f64>; 3],
    d: &[Array2<f64>; 3],
    dw: &mut [Array2<f64>; 3],
) -> Array2<f64> {
    let mut dx = Array2::zeros(x.dim());
    for n in 0..3 {
        dw[n] += &x.t().dot(&d[n]);
        dx += &d[n].dot(&w[n].t());
    }
    dx
}
