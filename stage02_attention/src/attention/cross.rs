//! Cross-attention: the tokens of one text attend to another text.
//!
//! In the first Transformer an encoder read an English sentence and a decoder wrote a German or
//! French one. The decoder's tokens ask (queries), the encoder's answer (keys and values). There is
//! no mask: the sentence that is read is complete, so all of it may be seen. Vaswani and others
//! 2017, section 3.2.3. A GPT has no cross-attention; a translator, or a model that describes
//! pictures, may.
//!
//! ```
//! use ndarray::Array2;
//! use stage02_attention::attention::cross::CrossAttention;
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! let mut layout = Layout::new();
//! let cross = CrossAttention::declare(layout.scope("cross"), 4, 2, false, Init::Ones)?;
//! let params = Params::<f64> { values: vec![0.1; layout.len()] };
//!
//! // Two tokens are written, three were read: a 2 by 3 matrix of weights for each of two heads.
//! let (x, memory) = (Array2::ones((2, 4)), Array2::ones((3, 4)));
//! let (mut acts, mut out) = (cross.activations(1, 2, 3), Array2::zeros((2, 4)));
//! cross.forward(&params, x.view(), memory.view(), &mut acts, out.view_mut());
//! assert_eq!(acts.att.dim(), (2 * 2, 3));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use stage01_bigram::{Float, Result};

use super::{Mask, head_size, scaled_dot_product};
use crate::linear::Linear;
use crate::params::{Init, Params, Scope};

/// Attention with queries from `x` and keys and values from `memory`.
#[derive(Clone, Copy, Debug)]
pub struct CrossAttention {
    /// From n_embd to the queries of all heads: n_embd.
    pub c_q: Linear,
    /// From n_embd to the keys and values of all heads: 2 n_embd.
    pub c_kv: Linear,
    /// From what the heads found back to n_embd.
    pub c_proj: Linear,
    n_embd: usize,
    n_head: usize,
}

/// What a forward pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    /// Lengths of one sequence of queries and of one sequence of keys.
    lengths: (usize, usize),
    q: Array2<T>,
    kv: Array2<T>,
    /// The attention weights: query i of head h of pair b is row (b n_head + h) queries + i. Shape:
    /// (batch * n_head * queries, keys).
    pub att: Array2<T>,
    y: Array2<T>,
}

impl CrossAttention {
    // ANCHOR: declare
    /// Declares `c_q`, `c_kv` and `c_proj`.
    ///
    /// # Errors
    /// [`Setting`](stage01_bigram::Error::Setting) when `n_embd` cannot be cut into `n_head` equal parts.
    pub fn declare(
        mut scope: Scope,
        n_embd: usize,
        n_head: usize,
        bias: bool,
        init: Init,
    ) -> Result<Self> {
        head_size(n_embd, n_head)?;
        let c_q = Linear::declare(scope.scope("c_q"), n_embd, n_embd, bias, init);
        let c_kv = Linear::declare(scope.scope("c_kv"), n_embd, 2 * n_embd, bias, init);
        let c_proj = Linear::declare(scope.scope("c_proj"), n_embd, n_embd, bias, init);
        Ok(CrossAttention { c_q, c_kv, c_proj, n_embd, n_head })
    }
    // ANCHOR_END: declare

    /// Allocates for `batch` pairs of sequences of `queries` and `keys` tokens.
    pub fn activations<T: Float>(
        &self,
        batch: usize,
        queries: usize,
        keys: usize,
    ) -> Activations<T> {
        Activations {
            lengths: (queries, keys),
            q: Array2::zeros((batch * queries, self.n_embd)),
            kv: Array2::zeros((batch * keys, 2 * self.n_embd)),
            att: Array2::zeros((batch * self.n_head * queries, keys)),
            y: Array2::zeros((batch * queries, self.n_embd)),
        }
    }

    /// out = c_proj(attention of c_q(x) over c_kv(memory)).
    ///
    /// x, out: (batch * queries, n_embd); memory: (batch * keys, n_embd); out is overwritten.
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        memory: ArrayView2<T>,
        acts: &mut Activations<T>,
        out: ArrayViewMut2<T>,
    ) {
        self.c_q.forward(params, x, acts.q.view_mut());
        self.c_kv.forward(params, memory, acts.kv.view_mut());
        let (queries, keys) = acts.lengths;
        let size = self.n_embd / self.n_head;
        for b in 0..x.nrows() / queries {
            let (x_rows, m_rows) = (b * queries..(b + 1) * queries, b * keys..(b + 1) * keys);
            for h in 0..self.n_head {
                let cols = h * size..(h + 1) * size;
                let v_cols = self.n_embd + h * size..self.n_embd + (h + 1) * size;
                scaled_dot_product::forward(
                    (
                        acts.q.slice(s![x_rows.clone(), cols.clone()]),
                        acts.kv.slice(s![m_rows.clone(), cols.clone()]),
                        acts.kv.slice(s![m_rows.clone(), v_cols]),
                    ),
                    Mask::None,
                    acts.att.slice_mut(s![head_rows(b, h, self.n_head, queries), ..]),
                    acts.y.slice_mut(s![x_rows.clone(), cols]),
                );
            }
        }
        self.c_proj.forward(params, acts.y.view(), out);
    }

    /// The gradients of x, of memory and of the three layers from the gradient of the output.
    ///
    /// x, memory: as in the forward pass; dout: (batch * queries, n_embd); dx and dmemory: the
    /// shapes of x and memory, overwritten.
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        (x, memory): (ArrayView2<T>, ArrayView2<T>),
        acts: &Activations<T>,
        dout: ArrayView2<T>,
        (dx, dmemory): (ArrayViewMut2<T>, ArrayViewMut2<T>),
        grads: &mut Params<T>,
    ) {
        let (queries, keys) = acts.lengths;
        let size = self.n_embd / self.n_head;
        let mut dy = Array2::zeros(acts.y.raw_dim());
        let mut dq = Array2::zeros(acts.q.raw_dim());
        let mut dkv = Array2::zeros(acts.kv.raw_dim());
        let mut datt = Array2::zeros((queries, keys));
        self.c_proj.backward(params, acts.y.view(), dout, dy.view_mut(), grads);
        for b in 0..x.nrows() / queries {
            let (x_rows, m_rows) = (b * queries..(b + 1) * queries, b * keys..(b + 1) * keys);
            for h in 0..self.n_head {
                let cols = h * size..(h + 1) * size;
                let v_cols = self.n_embd + h * size..self.n_embd + (h + 1) * size;
                let (dk, dv) = dkv.multi_slice_mut((
                    s![m_rows.clone(), cols.clone()],
                    s![m_rows.clone(), v_cols.clone()],
                ));
                scaled_dot_product::backward(
                    (
                        acts.q.slice(s![x_rows.clone(), cols.clone()]),
                        acts.kv.slice(s![m_rows.clone(), cols.clone()]),
                        acts.kv.slice(s![m_rows.clone(), v_cols]),
                    ),
                    acts.att.slice(s![head_rows(b, h, self.n_head, queries), ..]),
                    dy.slice(s![x_rows.clone(), cols.clone()]),
                    datt.view_mut(),
                    (dq.slice_mut(s![x_rows.clone(), cols]), dk, dv),
                );
            }
        }
        self.c_q.backward(params, x, dq.view(), dx, grads);
        self.c_kv.backward(params, memory, dkv.view(), dmemory, grads);
    }
}

/// The rows of `att` that belong to head `h` of pair `b`.
fn head_rows(b: usize, h: usize, n_head: usize, queries: usize) -> Range<usize> {
    let start = (b * n_head + h) * queries;
    start..start + queries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer_check::{Problem, array, array_mut};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn gradient(
            batch in 1usize..3, queries in 1usize..4, keys in 1usize..5,
            n_head in 1usize..3, size in 1usize..4, bias: bool, seed: u64,
        ) {
            let n_embd = n_head * size;
            let (x_rows, m_rows) = (batch * queries, batch * keys);
            Problem::new(seed, &[x_rows * n_embd, m_rows * n_embd], |layout| {
                CrossAttention::declare(layout.scope("cross"), n_embd, n_head, bias, Init::Normal(0.5)).unwrap()
            })
            .check(
                x_rows * n_embd,
                |cross, params, x, y| {
                    let acts = &mut cross.activations(batch, queries, keys);
                    let (x, memory) = (array(&x[0], x_rows, n_embd), array(&x[1], m_rows, n_embd));
                    cross.forward(params, x, memory, acts, array_mut(y, x_rows, n_embd));
                },
                |cross, params, x, dy, dx, grads| {
                    let acts = &mut cross.activations(batch, queries, keys);
                    let (x, memory) = (array(&x[0], x_rows, n_embd), array(&x[1], m_rows, n_embd));
                    cross.forward(params, x, memory, acts, Array2::zeros((x_rows, n_embd)).view_mut());
                    let [dx, dmemory] = dx else { unreachable!() };
                    let dx = (array_mut(dx, x_rows, n_embd), array_mut(dmemory, m_rows, n_embd));
                    cross.backward(params, (x, memory), acts, array(dy, x_rows, n_embd), dx, grads);
                },
            );
        }
    }
}
