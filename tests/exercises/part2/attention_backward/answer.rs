//! The backward pass of attention. Forward it was
//!
//!   s = q k' / sqrt(d),   att = softmax of each row of s (with a mask),   y = att v
//!
//! and backward it is the same three steps, from the last to the first:
//!
//!   datt = dy v'                                               back through the mixture
//!   dv   = att' dy
//!   ds[i, j] = att[i, j] * (datt[i, j] - mean[i])              back through the softmax
//!       with mean[i] = sum over l of att[i, l] * datt[i, l]
//!   dq   = ds k / sqrt(d)                                      back through the scores
//!   dk   = ds' q / sqrt(d)
//!
//! (The prime means transposed.) What the mask hides has att = 0, and so ds = 0: the mask needs
//! no line.
//!
//! On paper: q = 1, keys 0 and ln 3, values 4 and 8, dy = 1. Then att = (1/4, 3/4), dv =
//! (1/4, 3/4), ds = (-3/4, 3/4), dk = (-3/4, 3/4), and dq = 3/4 * ln 3 = 0.824.

use ndarray::Array2;

/// The gradients of q, k and v, in this order, from the gradient of y.
///
/// q, dy: (queries, d); k, v: (keys, d); att: (queries, keys), the attention weights of the
/// forward pass. The results have the shapes of q, k and v.
pub fn attention_backward(
    q: &Array2<f64>,
    k: &Array2<f64>,
    v: &Array2<f64>,
    att: &Array2<f64>,
    dy: &Array2<f64>,
) -> [Array2<f64>; 3] {
    // SOLUTION
    let scale = 1.0 / (q.ncols() as f64).sqrt();
    let dv = att.t().dot(dy);
    let mut ds = dy.dot(&v.t());
    for (mut ds, att) in ds.rows_mut().into_iter().zip(att.rows()) {
        let mean = ds.dot(&att);
        ds.zip_mut_with(&att, |ds, att| *ds = att * (*ds - mean));
    }
    [ds.dot(k) * scale, ds.t().dot(q) * scale, dv]
    // STUB
    // todo!()
    // END
}
