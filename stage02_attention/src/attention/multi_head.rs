//! Many heads side by side, as GPT-2 has them.
//!
//! One head can only take one mixture of the other tokens. So the `n_embd` columns are cut
//! into `n_head` parts, and every part attends on its own. Queries, keys and values of all
//! heads come from one linear layer, `c_attn`, whose output of 3 `n_embd` columns reads
//!
//! ```text
//! | q of head 0 | q of head 1 | ... | k of head 0 | k of head 1 | ... | v of head 0 | ...
//! ```
//!
//! so a head is three views into it, and nothing is copied. A last layer, `c_proj`, mixes what
//! the heads found. Vaswani and others 2017, section 3.2.2; names and order of columns are
//! GPT-2's (Radford and others 2019).
//!
//! Shapes: B = batch, T = length, C = n_embd, nh = n_head, hs = head size = C / nh.
//!
//! ```text
//! qkv = c_attn(x)                                   (B T, C) -> (B T, 3 C)
//! y_h = softmax(mask(q_h k_h' / sqrt(hs))) v_h      (T, hs) for each of B nh heads
//! out = c_proj(y_0 | y_1 | ... )                    (B T, C) -> (B T, C)
//! ```
//!
//! Attention is the only layer of a GPT that mixes positions: here a token receives something from
//! other tokens. Every other layer treats each of the B T rows by itself.
//!
//! [`multi_head_plain`](super::multi_head_plain) is the same layer, written to be read. This one
//! distributes the heads among all threads ([`each_head`]) and computes each with [`fused`].
//!
//! ```
//! use ndarray::Array2;
//! use stage01_bigram::random::{Purpose, generator};
//! use stage02_attention::attention::{Mask, multi_head::MultiHeadAttention};
//! use stage02_attention::dropout::Dropout;
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! let (mut layout, init) = (Layout::new(), Init::Normal(0.5));
//! let (scope, none) = (layout.scope("attn"), Dropout::new(0.0)?);
//! let attn = MultiHeadAttention::declare(scope, (4, 2), Mask::Causal, none, true, (init, init))?;
//! let params = Params::<f64>::initialise(&layout, &mut generator(1, Purpose::Other, 0));
//!
//! // Changing a token changes no output before it.
//! let (mut acts, mut out) = (attn.activations(1, 3), Array2::zeros((3, 4)));
//! let mut run = |x: &Array2<f64>| {
//!     attn.forward(&params, x.view(), &mut acts, out.view_mut(), None);
//!     out.clone()
//! };
//! let mut x = Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f64 / 10.0);
//! let before = run(&x);
//! x[[1, 0]] += 1.0;
//! let after = run(&x);
//! assert_eq!(before.row(0), after.row(0));
//! assert_ne!(before.row(2), after.row(2));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};
use rand::SeedableRng;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::{Float, Result};

use super::{Mask, fused, head_size, scaled_dot_product, single_query};
use crate::backward::Backward;
use crate::dropout::Dropout;
use crate::linear::Linear;
use crate::parallel::{PerThread, each_head, threads_for, threads_to_fetch};
use crate::params::{Init, Params, Scope};

/// Self-attention with several heads.
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadAttention {
    /// From n_embd to the queries, keys and values of all heads: 3 n_embd.
    pub c_attn: Linear,
    /// From what the heads found, n_embd, back to n_embd.
    pub c_proj: Linear,
    n_embd: usize,
    pub(super) n_head: usize,
    pub(super) mask: Mask,
    dropout: Dropout,
}

/// What a forward pass leaves for the backward pass. Built once for a batch and a length.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    length: usize,
    /// Queries, keys and values. Shape: (batch * length, 3 n_embd).
    pub qkv: Array2<T>,
    /// Log-sum-exp of each row of scores (see [`fused`]). Shape: (batch * length, n_head).
    lse: Array2<T>,
    /// Dropout generator of each (sequence, head); no rows where nothing is dropped. Shape: (batch,
    /// n_head).
    rngs: Array2<Generator>,
    /// What the heads found, side by side. Shape: (batch * length, n_embd).
    y: Array2<T>,
    scratch: PerThread<T>,
    /// Whether the last forward pass dropped anything.
    training: bool,
}

/// Scratch of a backward pass. Nothing in it outlives the pass, so all blocks share one.
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    dqkv: Array2<T>,
    dy: Array2<T>,
    heads: PerThread<T>,
}

/// Keys and values of all tokens that the layer has read. Shape of each: (tokens, n_embd).
#[derive(Clone, Debug)]
pub struct Cache<T> {
    keys: Array2<T>,
    values: Array2<T>,
}

/// Scratch of [`MultiHeadAttention::forward_cached`], shared by all layers: [`Activations`] of up
/// to as many new tokens as the cache holds.
#[derive(Clone, Debug)]
pub struct CacheScratch<T> {
    qkv: Array2<T>,
    lse: Array2<T>,
    y: Array2<T>,
    per_thread: PerThread<T>,
}

impl MultiHeadAttention {
    // ANCHOR: declare
    /// Declares `c_attn` and `c_proj`.
    ///
    /// # Errors
    /// [`Setting`](stage01_bigram::Error::Setting) when `n_embd` cannot be cut into `n_head` equal parts.
    pub fn declare(
        mut scope: Scope,
        (n_embd, n_head): (usize, usize),
        mask: Mask,
        dropout: Dropout,
        bias: bool,
        (init, init_proj): (Init, Init),
    ) -> Result<Self> {
        head_size(n_embd, n_head)?;
        // ANCHOR: layers
        let c_attn = Linear::declare(scope.scope("c_attn"), n_embd, 3 * n_embd, bias, init);
        let c_proj = Linear::declare(scope.scope("c_proj"), n_embd, n_embd, bias, init_proj);
        // ANCHOR_END: layers
        Ok(MultiHeadAttention { c_attn, c_proj, n_embd, n_head, mask, dropout })
    }
    // ANCHOR_END: declare

    /// Allocates for the forward pass of `batch` sequences of `length` tokens.
    pub fn activations<T: Float>(&self, batch: usize, length: usize) -> Activations<T> {
        let rows = if self.dropout.is_active() { batch } else { 0 };
        let rng = generator(0, Purpose::Dropout, 0); // replaced in every forward pass
        Activations {
            length,
            qkv: Array2::zeros((batch * length, 3 * self.n_embd)),
            lse: Array2::zeros((batch * length, self.n_head)),
            rngs: Array2::from_elem((rows, self.n_head), rng),
            y: Array2::zeros((batch * length, self.n_embd)),
            scratch: PerThread::new(fused::scratch_len(length)),
            training: false,
        }
    }

    /// Allocates the scratch for the backward pass of `batch` sequences of `length` tokens.
    pub fn scratch<T: Float>(&self, batch: usize, length: usize) -> Scratch<T> {
        Scratch {
            dqkv: Array2::zeros((batch * length, 3 * self.n_embd)),
            dy: Array2::zeros((batch * length, self.n_embd)),
            heads: PerThread::new(fused::scratch_len(length)),
        }
    }

    // ANCHOR: columns
    /// The columns of `qkv` that hold the queries, keys and values of head `h`.
    pub fn columns(&self, h: usize) -> [Range<usize>; 3] {
        let size = self.n_embd / self.n_head;
        [0, 1, 2].map(|part| part * self.n_embd + h * size..part * self.n_embd + (h + 1) * size)
    }
    // ANCHOR_END: columns

    /// out = c_proj(the heads of c_attn(x)).
    ///
    /// x, out: (batch * length, n_embd), sequence after sequence; out is overwritten. rngs: a
    /// dropout generator for every sequence (training), or none (evaluation).
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        acts: &mut Activations<T>,
        out: ArrayViewMut2<T>,
        rngs: Option<&mut [Generator]>,
    ) {
        // ANCHOR: c_attn
        self.c_attn.forward(params, x, acts.qkv.view_mut());
        // ANCHOR_END: c_attn
        acts.training = rngs.is_some() && self.dropout.is_active();
        if let Some(rngs) = rngs.filter(|_| acts.training) {
            // Each head of a sequence has its own dropout generator, so that heads need not wait
            // for one another, and the backward pass can draw the same numbers again.
            for (mut heads, rng) in acts.rngs.rows_mut().into_iter().zip(rngs) {
                heads.map_inplace(|own| *own = Generator::from_rng(rng));
            }
        }
        let sizes = (x.nrows() / acts.length, self.n_head);
        let threads = threads_for(x.len() * acts.length);
        let rngs = acts.training.then(|| acts.rngs.view());
        // ANCHOR: heads
        let qkv = self.split_qkv(acts.qkv.view());
        let all = (qkv, acts.y.view_mut(), (acts.lse.view_mut(), rngs));
        each_head(threads, sizes, all, &mut acts.scratch, |((q, k, v), y, (lse, rng)), scratch| {
            let mut rng = rng.map(|rng| rng[[0, 0]].clone());
            let dropout = rng.as_mut().map(|rng| (self.dropout, rng));
            let pass = fused::Pass { q, k, v, mask: self.mask, dropout, scratch };
            fused::forward(pass, column(lse), y);
        });
        self.c_proj.forward(params, acts.y.view(), out);
        // ANCHOR_END: heads
    }

    /// The gradient of x and of both layers from the gradient of the output.
    ///
    /// x, acts: as in the forward pass; dout, dx: (batch * length, n_embd); dx is overwritten.
    pub fn backward<T: Float>(
        &self,
        x: ArrayView2<T>,
        acts: &Activations<T>,
        dout: ArrayView2<T>,
        dx: ArrayViewMut2<T>,
        pass: Backward<T, Scratch<T>>,
    ) {
        let Backward { params, grads, scratch: Scratch { dqkv, dy, heads } } = pass;
        self.c_proj.backward(params, acts.y.view(), dout, dy.view_mut(), grads);
        let (dq, rest) = dqkv.view_mut().split_at(Axis(1), self.n_embd);
        let (dk, dv) = rest.split_at(Axis(1), self.n_embd);
        let sizes = (x.nrows() / acts.length, self.n_head);
        let threads = threads_for(x.len() * acts.length);
        let rngs = acts.training.then(|| acts.rngs.view());
        let (qkv, lse) = (self.split_qkv(acts.qkv.view()), acts.lse.view());
        let all = (qkv, (acts.y.view(), dy.view()), (dq, dk, dv), (lse, rngs));
        each_head(threads, sizes, all, heads, |((q, k, v), ys, gradients, (lse, rng)), scratch| {
            let mut rng = rng.map(|rng| rng[[0, 0]].clone());
            let dropout = rng.as_mut().map(|rng| (self.dropout, rng));
            let pass = fused::Pass { q, k, v, mask: self.mask, dropout, scratch };
            fused::backward(pass, lse.column(0), ys, gradients);
        });
        self.c_attn.backward(params, x, dqkv.view(), dx, grads);
    }

    /// An empty cache for `keys` tokens.
    pub fn cache<T: Float>(&self, keys: usize) -> Cache<T> {
        let matrix = || Array2::zeros((keys, self.n_embd));
        Cache { keys: matrix(), values: matrix() }
    }

    /// Allocates the scratch for [`MultiHeadAttention::forward_cached`] with a cache of this size.
    pub fn cache_scratch<T: Float>(&self, keys: usize) -> CacheScratch<T> {
        let len =
            fused::scratch_len(keys).max(single_query::scratch_len(self.n_head, keys, self.n_embd));
        CacheScratch {
            qkv: Array2::zeros((keys, 3 * self.n_embd)),
            lse: Array2::zeros((keys, self.n_head)),
            y: Array2::zeros((keys, self.n_embd)),
            per_thread: PerThread::new(len),
        }
    }

    /// The forward pass of the next tokens of one sequence, whose earlier tokens are in the cache;
    /// in place, without dropout, and storing nothing for a backward pass.
    ///
    /// x: (new tokens, n_embd), at the positions from `start` on; their keys and values are
    /// written into the cache.
    pub fn forward_cached<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayViewMut2<T>,
        start: usize,
        Cache { keys, values }: &mut Cache<T>,
        scratch: &mut CacheScratch<T>,
    ) {
        let (n, end) = (x.nrows(), start + x.nrows());
        let CacheScratch { qkv, lse, y, per_thread } = scratch;
        let (mut qkv, mut y) = (qkv.slice_mut(s![..n, ..]), y.slice_mut(s![..n, ..]));

        self.c_attn.forward(params, x.view(), qkv.view_mut());
        let (q, k, v) = self.split_qkv(qkv.view());
        keys.slice_mut(s![start..end, ..]).assign(&k);
        values.slice_mut(s![start..end, ..]).assign(&v);
        let (k, v) = (keys.slice(s![..end, ..]), values.slice(s![..end, ..]));
        if n == 1 {
            single_query::forward(self.n_head, [q, k, v], per_thread.of(1), y.view_mut());
        } else {
            let threads =
                threads_for(n * end * self.n_embd).max(threads_to_fetch(k.len() + v.len()));
            let all = ((q, k, v), y.view_mut(), lse.slice_mut(s![..n, ..]));
            each_head(
                threads,
                (1, self.n_head),
                all,
                per_thread,
                |((q, k, v), y, lse), scratch| {
                    let pass = fused::Pass { q, k, v, mask: self.mask, dropout: None, scratch };
                    fused::forward(pass, column(lse), y);
                },
            );
        }
        self.c_proj.forward(params, y.view(), x);
    }

    /// The attention weights of head `h` of sequence `b` in the last forward pass, before dropout.
    /// Row i holds those of token i. Shape: (length, length).
    pub fn attention_weights<T: Float>(
        &self,
        acts: &Activations<T>,
        b: usize,
        h: usize,
    ) -> Array2<T> {
        let rows = b * acts.length..(b + 1) * acts.length;
        let [q, k, _] = self.columns(h).map(|cols| acts.qkv.slice(s![rows.clone(), cols]));
        let mut att = Array2::zeros((acts.length, acts.length));
        scaled_dot_product::attention_weights(q, k, self.mask, att.view_mut());
        att
    }

    // ANCHOR: split_qkv
    /// Queries, keys and values, each of all heads.
    fn split_qkv<'a, T>(
        &self,
        qkv: ArrayView2<'a, T>,
    ) -> (ArrayView2<'a, T>, ArrayView2<'a, T>, ArrayView2<'a, T>) {
        let (q, rest) = qkv.split_at(Axis(1), self.n_embd);
        let (k, v) = rest.split_at(Axis(1), self.n_embd);
        (q, k, v)
    }
    // ANCHOR_END: split_qkv
}

/// A matrix of one column as a vector.
fn column<T>(matrix: ArrayViewMut2<T>) -> ArrayViewMut1<T> {
    matrix.index_axis_move(Axis(1), 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::attention::head::Head;
    use crate::layer_check::{Problem, array, array_mut};
    use crate::params::{Layout, fill_normal};
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};

    const INIT: (Init, Init) = (Init::Normal(0.5), Init::Normal(0.5));

    /// A layer without dropout, and its weights.
    pub(in crate::attention) fn random_layer(
        sizes: (usize, usize),
        mask: Mask,
        bias: bool,
        rng: &mut Generator,
    ) -> (MultiHeadAttention, Params<f64>) {
        let mut layout = Layout::new();
        let (scope, none) = (layout.scope("attn"), Dropout::new(0.0).unwrap());
        let attn = MultiHeadAttention::declare(scope, sizes, mask, none, bias, INIT).unwrap();
        let params = Params::initialise(&layout, rng);
        (attn, params)
    }

    pub(in crate::attention) fn normal(shape: (usize, usize), rng: &mut Generator) -> Array2<f64> {
        let mut matrix = Array2::zeros(shape);
        fill_normal(matrix.as_slice_mut().unwrap(), 1.0, rng);
        matrix
    }

    fn rngs(batch: usize) -> Vec<Generator> {
        (0..batch).map(|b| generator(9, Purpose::Dropout, b as u64)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn gradient(
            batch in 1usize..3, length in 1usize..5, n_head in 1usize..4, size in 1usize..4,
            causal: bool, bias: bool, dropout in prop::sample::select(vec![0.0, 0.4]), seed: u64,
        ) {
            let (mask, n_embd) = (if causal { Mask::Causal } else { Mask::None }, n_head * size);
            let dropout = Dropout::new(dropout).unwrap();
            let rows = batch * length;
            Problem::new(seed, &[rows * n_embd], |layout| {
                MultiHeadAttention::declare(layout.scope("attn"), (n_embd, n_head), mask, dropout, bias, INIT)
                    .unwrap()
            })
            .check(
                rows * n_embd,
                |attn, params, x, y| {
                    let acts = &mut attn.activations(batch, length);
                    let x = array(&x[0], rows, n_embd);
                    attn.forward(params, x, acts, array_mut(y, rows, n_embd), Some(&mut rngs(batch)));
                },
                |attn, params, x, dy, dx, grads| {
                    let acts = &mut attn.activations(batch, length);
                    let x = array(&x[0], rows, n_embd);
                    attn.forward(params, x, acts, Array2::zeros((rows, n_embd)).view_mut(), Some(&mut rngs(batch)));
                    let (scratch, dy) = (&mut attn.scratch(batch, length), array(dy, rows, n_embd));
                    let dx = array_mut(&mut dx[0], rows, n_embd);
                    attn.backward(x, acts, dy, dx, Backward { params, grads, scratch });
                },
            );
        }

        /// A later token changes no output of a decoder. It does change those of an encoder, which
        /// shows that the first half of the test can fail.
        #[test]
        fn only_without_a_mask_does_the_future_matter(
            length in 2usize..80, at in 0.0..1.0, seed: u64,
        ) {
            let at = 1 + (at * (length - 1) as f64) as usize; // the token that changes: not the first
            for (mask, earlier_may_change) in [(Mask::Causal, false), (Mask::None, true)] {
                let mut rng = generator(seed, Purpose::Other, 0);
                let (attn, params) = random_layer((6, 2), mask, true, &mut rng);
                let mut x = normal((length, 6), &mut rng);
                let run = |x: &Array2<f64>| {
                    let mut out = Array2::zeros((length, 6));
                    attn.forward(&params, x.view(), &mut attn.activations(1, length), out.view_mut(), None);
                    out
                };
                let before = run(&x);
                x.row_mut(at).mapv_inplace(|v| v + 1.0);
                let after = run(&x);
                let changed = |i: usize| before.row(i) != after.row(i);
                prop_assert!(changed(at));
                prop_assert_eq!((0..at).any(changed), earlier_may_change);
            }
        }

        /// However many tokens arrive at a time.
        #[test]
        fn a_cache_changes_no_output(
            parts in prop::collection::vec(1usize..6, 1..6), n_head in 1usize..4, bias: bool, seed: u64,
        ) {
            let (length, n_embd) = (parts.iter().sum(), 3 * n_head);
            let mut rng = generator(seed, Purpose::Other, 0);
            let (attn, params) = random_layer((n_embd, n_head), Mask::Causal, bias, &mut rng);
            let mut x = normal((length, n_embd), &mut rng);
            let mut whole = x.clone();
            attn.forward(&params, x.view(), &mut attn.activations(1, length), whole.view_mut(), None);

            let (mut cache, mut scratch, mut start) = (attn.cache(length), attn.cache_scratch(length), 0);
            for part in parts {
                let new = x.slice_mut(s![start..start + part, ..]);
                attn.forward_cached(&params, new, start, &mut cache, &mut scratch);
                start += part;
            }
            for (a, b) in x.iter().zip(&whole) {
                prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }

        /// One head of the fast layer is the head that is written to be read.
        #[test]
        fn one_head_equals_the_readable_one(length in 1usize..70, n_embd in 1usize..5, causal: bool, seed: u64) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            let mut rng = generator(seed, Purpose::Other, 0);
            let (fast, mut fast_params) = random_layer((n_embd, 1), mask, false, &mut rng);
            let mut layout = Layout::new();
            let plain = Head::declare(layout.scope("head"), n_embd, n_embd, mask, INIT.0);
            let mut plain_params = Params::<f64>::zeros(&layout);
            // The plain head has its three matrices one after another, the fast one side by side;
            // and the fast one's last layer is the identity.
            let n = n_embd;
            for i in 0..n {
                for j in 0..n {
                    for part in 0..3 {
                        plain_params.values[part * n * n + i * n + j] = fast_params.values[i * 3 * n + part * n + j];
                    }
                    fast_params.values[3 * n * n + i * n + j] = if i == j { 1.0 } else { 0.0 };
                }
            }
            let x = normal((length, n), &mut rng);
            let mut out = Array2::zeros((length, n));
            fast.forward(&fast_params, x.view(), &mut fast.activations(1, length), out.view_mut(), None);
            let expected = plain.forward(&plain_params, x.view()).y;
            for (a, b) in out.iter().zip(&expected) {
                prop_assert!((a - b).abs() < 1e-10, "{a} {b}");
            }
        }
    }

    #[test]
    fn heads_that_do_not_fit_are_refused() {
        let mut layout = Layout::new();
        let dropout = Dropout::new(0.0).unwrap();
        let error = MultiHeadAttention::declare(
            layout.scope("attn"),
            (10, 3),
            Mask::None,
            dropout,
            true,
            INIT,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "--n-embd = 10: it must be a multiple of --n-head = 3: every head gets an equal part"
        );
    }
}
