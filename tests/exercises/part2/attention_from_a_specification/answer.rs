//! Causal multi-head attention, forward and backward, from a specification.
//!
//! This is a larger task. There is no code to begin from: only the two functions that are
//! called, and what they must compute. Write as many functions of your own as you like. Do not
//! look at the chapters until you are stuck.
//!
//! SIZES. T tokens, C columns, H heads (`n_head`), d = C / H columns for each head.
//!
//! FORWARD.
//!
//! 1. qkv = x w_attn + b_attn, of the shape (T, 3 C). Its columns are the queries of all heads,
//!    then the keys of all heads, then the values of all heads. Within each third, the columns
//!    of head 0 come first, then those of head 1, and so on, d for each.
//! 2. For each head, by itself, with its q, k, v of the shape (T, d):
//!    s[i, j] = (q[i] . k[j]) / sqrt(d) for j <= i;
//!    att[i, j] = exp(s[i, j]) / (sum over l <= i of exp(s[i, l])) for j <= i, and 0 for j > i;
//!    y[i] = sum over j of att[i, j] v[j].
//!    Scores may be large: no exp may become infinite.
//! 3. The y of all heads stand side by side, head 0 first: (T, C).
//! 4. out = y w_proj + b_proj.
//!
//! BACKWARD. Given the gradient `dout` of out,
//!
//! - return the gradient of x;
//! - ADD the gradients of the four weights to what `grads` holds.
//!
//! The forward pass may be computed again: nothing is handed over from it.
//!
//! HOW IT IS CHECKED. No row of the output may depend on a later token, and every row must
//! depend on every earlier one. All gradients are held to nudges of YOUR forward pass, and the
//! numbers to those of the course.

use ndarray::{Array1, Array2};
// SOLUTION
use ndarray::{Axis, s};
// STUB
// END

/// The weights of the layer, or their gradients.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Shape: (C, 3 C).
    pub w_attn: Array2<f64>,
    /// Shape: (3 C).
    pub b_attn: Array1<f64>,
    /// Shape: (C, C).
    pub w_proj: Array2<f64>,
    /// Shape: (C).
    pub b_proj: Array1<f64>,
}

/// The layer. x: (T, C). Returns out: (T, C).
pub fn forward(weights: &Weights, n_head: usize, x: &Array2<f64>) -> Array2<f64> {
    // SOLUTION
    side_by_side(&heads(weights, n_head, x)).dot(&weights.w_proj) + &weights.b_proj
    // STUB
    // todo!()
    // END
}

/// The gradient of x, from that of the output. Adds the gradients of the weights to `grads`.
///
/// x: as in the forward pass, (T, C); dout: (T, C). Returns dx: (T, C).
pub fn backward(
    weights: &Weights,
    n_head: usize,
    x: &Array2<f64>,
    dout: &Array2<f64>,
    grads: &mut Weights,
) -> Array2<f64> {
    // SOLUTION
    let heads = heads(weights, n_head, x);
    grads.w_proj += &side_by_side(&heads).t().dot(dout);
    grads.b_proj += &dout.sum_axis(Axis(0));
    let dy = dout.dot(&weights.w_proj.t());

    let (length, n_embd) = x.dim();
    let d = n_embd / n_head;
    let mut dqkv = Array2::zeros((length, 3 * n_embd));
    for (h, head) in heads.iter().enumerate() {
        let dy = dy.slice(s![.., h * d..(h + 1) * d]);
        for (part, gradient) in head.backward(&dy.to_owned()).into_iter().enumerate() {
            let first = part * n_embd + h * d;
            dqkv.slice_mut(s![.., first..first + d]).assign(&gradient);
        }
    }
    grads.w_attn += &x.t().dot(&dqkv);
    grads.b_attn += &dqkv.sum_axis(Axis(0));
    dqkv.dot(&weights.w_attn.t())
    // STUB
    // todo!()
    // END
}
// SOLUTION

/// What a head has computed. q, k, v, y: (T, d); att: (T, T).
struct Head {
    q: Array2<f64>,
    k: Array2<f64>,
    v: Array2<f64>,
    att: Array2<f64>,
    y: Array2<f64>,
}

impl Head {
    /// Causal attention.
    fn forward([q, k, v]: [Array2<f64>; 3]) -> Head {
        let mut att = q.dot(&k.t()) / (q.ncols() as f64).sqrt();
        for (i, mut row) in att.rows_mut().into_iter().enumerate() {
            row.slice_mut(s![i + 1..]).fill(f64::NEG_INFINITY);
            let max = row.fold(f64::NEG_INFINITY, |max, &score| max.max(score));
            row.mapv_inplace(|score| (score - max).exp());
            let sum = row.sum();
            row /= sum;
        }
        let y = att.dot(&v);
        Head { q, k, v, att, y }
    }

    /// The gradients of q, k and v from that of y.
    fn backward(&self, dy: &Array2<f64>) -> [Array2<f64>; 3] {
        let root = (self.q.ncols() as f64).sqrt();
        let mut ds = dy.dot(&self.v.t());
        for (mut ds, att) in ds.rows_mut().into_iter().zip(self.att.rows()) {
            let mean = ds.dot(&att);
            ds.zip_mut_with(&att, |ds, att| *ds = att * (*ds - mean));
        }
        [ds.dot(&self.k) / root, ds.t().dot(&self.q) / root, self.att.t().dot(dy)]
    }
}

/// All heads.
fn heads(weights: &Weights, n_head: usize, x: &Array2<f64>) -> Vec<Head> {
    let qkv = x.dot(&weights.w_attn) + &weights.b_attn;
    let (n_embd, d) = (x.ncols(), x.ncols() / n_head);
    let columns = |first: usize| qkv.slice(s![.., first..first + d]).to_owned();
    let head = |h: usize| [0, 1, 2].map(|part| columns(part * n_embd + h * d));
    (0..n_head).map(|h| Head::forward(head(h))).collect()
}

/// What the heads found, side by side: (T, C).
fn side_by_side(heads: &[Head]) -> Array2<f64> {
    let (length, d) = heads[0].y.dim();
    Array2::from_shape_fn((length, heads.len() * d), |(t, c)| heads[c / d].y[[t, c % d]])
}
// STUB
// END
