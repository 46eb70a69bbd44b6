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
//! Models of today change two things, which [`Options`] has:
//!
//! - *Grouped-query attention*: only n_kv_head of the heads have keys and values, and each of these
//!   serves a group of query heads. What a KV cache stores shrinks by the size of a group. One head
//!   of keys and values for all is *multi-query attention*. Shazeer 2019; Ainslie and others 2023.
//!   In the backward pass the gradients from the heads of a group add up.
//! - *Rotary positions*: queries and keys are rotated by their position before they are compared
//!   ([`rotary`](super::rotary)).
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

use super::cache::{Cache, Numbers, TILE};
use super::documents::{self, Documents};
use super::rotary::{Angles, Rope};
use super::{Mask, fused, group_size, head_size, scaled_dot_product, single_query};
use crate::backward::Backward;
use crate::dropout::Dropout;
use crate::linear::Linear;
use crate::parallel::{PerThread, Shared, each_head, each_row, threads_for, threads_to_fetch};
use crate::params::{Init, Params, Scope};
use crate::profiler::Region;
use crate::weights::Weights;

/// Self-attention with several heads.
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadAttention {
    /// From n_embd to the queries of all heads, and the keys and values of those that have them:
    /// 3 n_embd where all have.
    pub c_attn: Linear,
    /// From what the heads found, n_embd, back to n_embd.
    pub c_proj: Linear,
    n_embd: usize,
    pub(super) n_head: usize,
    n_kv_head: usize,
    rope: Option<Rope>,
    pub(super) mask: Mask,
    dropout: Dropout,
}

/// How an attention layer differs from GPT-2's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The number of heads of keys and values: a divisor of the number of heads.
    pub n_kv_head: usize,
    /// The rotation of queries and keys, if there is one.
    pub rope: Option<Rope>,
    /// Whether `c_attn` has a bias, and whether `c_proj` has one.
    pub bias: (bool, bool),
}

/// What a forward pass leaves for the backward pass. Built once for a batch and a length.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    length: usize,
    /// Which rows attend to one another: by default, those of a sequence.
    pub documents: Documents,
    /// Queries, keys and values, rotated where the layer rotates. Shape: (batch * length, 3 n_embd),
    /// or less where heads share keys and values.
    pub qkv: Array2<T>,
    angles: Option<Angles<T>>,
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

/// Scratch of [`MultiHeadAttention::forward_cached`], shared by all layers: [`Activations`] of up
/// to as many new tokens as the cache holds.
#[derive(Clone, Debug)]
pub struct CacheScratch<T> {
    angles: Option<Angles<T>>,
    qkv: Array2<T>,
    lse: Array2<T>,
    y: Array2<T>,
    /// Keys and values out of the cache. Shape: (tokens, n_embd), or less where heads share them.
    k: Array2<T>,
    v: Array2<T>,
    per_thread: PerThread<T>,
}

impl MultiHeadAttention {
    // ANCHOR: declare
    /// Declares `c_attn` and `c_proj`.
    ///
    /// # Errors
    /// [`Setting`](stage01_bigram::Error::Setting) when `n_embd` cannot be cut into `n_head` equal parts.
    pub fn declare(
        scope: Scope,
        (n_embd, n_head): (usize, usize),
        mask: Mask,
        dropout: Dropout,
        bias: bool,
        (init, init_proj): (Init, Init),
    ) -> Result<Self> {
        let options = Options { n_kv_head: n_head, rope: None, bias: (bias, bias) };
        Self::declare_with(scope, (n_embd, n_head), mask, dropout, options, (init, init_proj))
    }
    // ANCHOR_END: declare

    /// Declares a layer that differs from GPT-2's.
    ///
    /// # Errors
    /// [`Setting`](stage01_bigram::Error::Setting) when the heads cannot be cut as the sizes say, or not
    /// be rotated.
    pub fn declare_with(
        mut scope: Scope,
        (n_embd, n_head): (usize, usize),
        mask: Mask,
        dropout: Dropout,
        Options { n_kv_head, rope, bias }: Options,
        (init, init_proj): (Init, Init),
    ) -> Result<Self> {
        let size = head_size(n_embd, n_head)?;
        group_size(n_head, n_kv_head)?;
        rope.map_or(Ok(()), |rope| rope.check(size))?;
        let n_qkv = n_embd + 2 * n_kv_head * size; // 3 n_embd where every head has its own keys
        // ANCHOR: layers
        let c_attn = Linear::declare(scope.scope("c_attn"), n_embd, n_qkv, bias.0, init);
        let c_proj = Linear::declare(scope.scope("c_proj"), n_embd, n_embd, bias.1, init_proj);
        // ANCHOR_END: layers
        Ok(MultiHeadAttention { c_attn, c_proj, n_embd, n_head, n_kv_head, rope, mask, dropout })
    }

    /// The size of a head, and how many query heads share keys and values.
    fn sizes(&self) -> (usize, usize) {
        (self.n_embd / self.n_head, self.n_head / self.n_kv_head)
    }

    /// Columns of all keys, or of all values.
    fn kv_columns(&self) -> usize {
        self.n_embd / self.n_head * self.n_kv_head
    }

    /// Columns of queries, keys and values.
    fn qkv_columns(&self) -> usize {
        self.n_embd + 2 * self.kv_columns()
    }

    /// The sines and cosines for this number of positions, where the layer rotates.
    fn angles<T: Float>(&self, positions: usize) -> Option<Angles<T>> {
        self.rope.map(|rope| rope.angles(self.sizes().0, positions))
    }

    /// Rotates the queries and keys of the tokens at these positions, in place; or turns their
    /// gradients back. qkv: one row for each position.
    fn rotate<T: Float>(
        &self,
        angles: &Option<Angles<T>>,
        positions: impl Fn(usize) -> usize + Sync,
        qkv: ArrayViewMut2<T>,
        rotate: impl Fn(&Angles<T>, usize, &mut [T]) + Sync,
    ) {
        let Some(angles) = angles else { return };
        let (size, rotated) = (self.sizes().0, self.n_embd + self.kv_columns());
        each_row(Region::Attention, (0..qkv.nrows(), qkv), |(row, qkv)| {
            let position = positions(row);
            qkv[..rotated].chunks_exact_mut(size).for_each(|head| rotate(angles, position, head));
        });
    }

    /// Allocates for the forward pass of `batch` sequences of `length` tokens.
    pub fn activations<T: Float>(&self, batch: usize, length: usize) -> Activations<T> {
        let rows = if self.dropout.is_active() { batch } else { 0 };
        let rng = generator(0, Purpose::Dropout, 0); // replaced in every forward pass
        Activations {
            length,
            documents: Documents::whole(batch, length),
            qkv: Array2::zeros((batch * length, self.qkv_columns())),
            angles: self.angles(length),
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
            dqkv: Array2::zeros((batch * length, self.qkv_columns())),
            dy: Array2::zeros((batch * length, self.n_embd)),
            heads: PerThread::new(fused::scratch_len(length)),
        }
    }

    // ANCHOR: columns
    /// The columns of `qkv` that hold the queries, keys and values of head `h`.
    pub fn columns(&self, h: usize) -> [Range<usize>; 3] {
        let (size, group) = self.sizes(); // a group of one head, unless heads share their keys
        let (keys, values) = (self.n_embd, self.n_embd + self.kv_columns());
        [h * size, keys + h / group * size, values + h / group * size].map(|at| at..at + size)
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
        let documents = &acts.documents;
        let position = |row| documents.position(row);
        self.rotate(&acts.angles, position, acts.qkv.view_mut(), Angles::rotate);
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
        let qkv = self.shared_qkv(acts.qkv.view());
        let all =
            (qkv, acts.y.view_mut(), (acts.lse.view_mut(), rngs), documents.of_heads(self.n_head));
        each_head(threads, sizes, all, &mut acts.scratch, |head, scratch| {
            let ((q, k, v), mut y, (mut lse, rng), starts) = head;
            let (k, v) = (k.head(), v.head());
            let mut rng = rng.map(|rng| rng[[0, 0]].clone());
            for document in documents::ranges(starts.head()) {
                let rows = s![document, ..];
                let (q, k, v) = (q.slice(rows), k.slice(rows), v.slice(rows));
                let dropout = rng.as_mut().map(|rng| (self.dropout, rng));
                let (mask, scratch) = (self.mask, &mut *scratch);
                let pass = fused::Pass { q, k, v, mask, dropout, scratch };
                fused::forward(pass, column(lse.slice_mut(rows)), y.slice_mut(rows));
            }
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
        let (dk, dv) = rest.split_at(Axis(1), self.kv_columns());
        // A thread takes whole groups: their heads add to the same dk and dv.
        let sizes = (x.nrows() / acts.length, self.n_kv_head);
        let (size, group) = self.sizes();
        let threads = threads_for(x.len() * acts.length);
        let rngs = acts.training.then(|| acts.rngs.view());
        let (qkv, lse) = (self.split_qkv(acts.qkv.view()), acts.lse.view());
        let starts = acts.documents.of_heads(self.n_kv_head);
        let all = (qkv, (acts.y.view(), dy.view()), (dq, dk, dv), ((lse, rngs), starts));
        each_head(threads, sizes, all, heads, |(qkv, (y, dy), gradients, others), scratch| {
            let ((q, k, v), (mut dq, mut dk, mut dv), ((lse, rngs), starts)) =
                (qkv, gradients, others);
            for h in 0..group {
                let mut rng = rngs.map(|rngs| rngs[[0, h]].clone());
                for rows in documents::ranges(starts.head()) {
                    let (all, own) = (s![rows.clone(), ..], s![rows, h * size..(h + 1) * size]);
                    let (q, k, v) = (q.slice(own), k.slice(all), v.slice(all));
                    let dropout = rng.as_mut().map(|rng| (self.dropout, rng));
                    let (mask, scratch) = (self.mask, &mut *scratch);
                    let pass = fused::Pass { q, k, v, mask, dropout, scratch };
                    let (lse, ys) = (lse.slice(all), (y.slice(own), dy.slice(own)));
                    let gradients = (dq.slice_mut(own), dk.slice_mut(all), dv.slice_mut(all));
                    let beta = if h == 0 { T::zero() } else { T::one() };
                    fused::backward(pass, lse.column(h), ys, gradients, beta);
                }
            }
        });
        let position = |row| acts.documents.position(row);
        self.rotate(&acts.angles, position, dqkv.view_mut(), Angles::rotate_back);
        self.c_attn.backward(params, x, dqkv.view(), dx, grads);
    }

    /// An empty cache for this number of tokens.
    pub fn cache<T: Float>(&self, numbers: Numbers, tokens: usize) -> Cache<T> {
        Cache::new(numbers, tokens, (self.n_kv_head, self.sizes().0))
    }

    /// Allocates the scratch for [`MultiHeadAttention::forward_cached`] with a cache of this size,
    /// for up to `rows` new tokens.
    pub fn cache_scratch<T: Float>(&self, keys: usize, rows: usize) -> CacheScratch<T> {
        let len =
            fused::scratch_len(keys).max(single_query::scratch_len(self.n_head, keys, self.n_embd));
        CacheScratch {
            angles: self.angles(keys),
            qkv: Array2::zeros((rows, self.qkv_columns())),
            lse: Array2::zeros((rows, self.n_head)),
            y: Array2::zeros((rows, self.n_embd)),
            k: Array2::zeros((keys.next_multiple_of(TILE), self.kv_columns())),
            v: Array2::zeros((keys.next_multiple_of(TILE), self.kv_columns())),
            per_thread: PerThread::new(len),
        }
    }

    /// The forward pass of the next tokens of one sequence, whose earlier tokens are in the cache;
    /// in place, without dropout, and storing nothing for a backward pass.
    ///
    /// x: (new tokens, n_embd), at the positions from `start` on; their keys and values are
    /// written into the cache. Where that is in float16, they are rounded before they are used, so that
    /// it makes no difference which tokens arrive together.
    pub fn forward_cached<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        x: ArrayViewMut2<T>,
        start: usize,
        cache: &mut Cache<T>,
        scratch: &mut CacheScratch<T>,
    ) {
        let (n, end) = (x.nrows(), start + x.nrows());
        let CacheScratch { angles, qkv, lse, y, k: all_k, v: all_v, per_thread } = scratch;
        let (mut qkv, mut y) = (qkv.slice_mut(s![..n, ..]), y.slice_mut(s![..n, ..]));

        weights.linear(&self.c_attn, x.view(), qkv.view_mut());
        self.rotate(angles, |row| start + row, qkv.view_mut(), Angles::rotate);
        each_row(Region::Attention, qkv.view_mut(), |qkv| cache.round(&mut qkv[self.n_embd..]));
        let (q, k, v) = self.split_qkv(qkv.view());
        cache.write(start, k, v);
        if n == 1 {
            let (q, y) = (q.to_slice().expect("one row"), y.as_slice_mut().expect("one row"));
            single_query::forward(self.n_head, q, (cache, end), per_thread.of(1), y);
        } else {
            let (k, v) = if start == 0 {
                (k, v)
            } else {
                let blocks = s![..end.next_multiple_of(TILE), ..];
                cache.read(all_k.slice_mut(blocks), all_v.slice_mut(blocks));
                (all_k.slice(s![..end, ..]), all_v.slice(s![..end, ..]))
            };
            let threads = threads_for(n * end * self.n_embd)
                .max(threads_to_fetch((k.len() + v.len()) * size_of::<T>()));
            let (size, group) = self.sizes();
            let (k, v) = (Shared::new(k, size, group), Shared::new(v, size, group));
            let all = ((q, k, v), y.view_mut(), lse.slice_mut(s![..n, ..]));
            each_head(
                threads,
                (1, self.n_head),
                all,
                per_thread,
                |((q, k, v), y, lse), scratch| {
                    let (mask, k, v) = (self.mask, k.head(), v.head());
                    let pass = fused::Pass { q, k, v, mask, dropout: None, scratch };
                    fused::forward(pass, column(lse), y);
                },
            );
        }
        weights.linear(&self.c_proj, y.view(), x);
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
        for document in documents::ranges(acts.documents.of_sequence(b)) {
            let [q, k] = [q, k].map(|all| all.slice_move(s![document.clone(), ..]));
            let att = att.slice_mut(s![document.clone(), document]);
            scaled_dot_product::attention_weights(q, k, self.mask, att);
        }
        att
    }

    // ANCHOR: split_qkv
    /// Queries, keys and values, each of all heads.
    fn split_qkv<'a, T>(
        &self,
        qkv: ArrayView2<'a, T>,
    ) -> (ArrayView2<'a, T>, ArrayView2<'a, T>, ArrayView2<'a, T>) {
        let (q, rest) = qkv.split_at(Axis(1), self.n_embd);
        let (k, v) = rest.split_at(Axis(1), self.kv_columns());
        (q, k, v)
    }
    // ANCHOR_END: split_qkv

    /// Queries, and the keys and values as every query head reads them.
    fn shared_qkv<'a, T: Copy>(
        &self,
        qkv: ArrayView2<'a, T>,
    ) -> (ArrayView2<'a, T>, Shared<'a, T>, Shared<'a, T>) {
        let (size, group) = self.sizes();
        let (q, k, v) = self.split_qkv(qkv);
        (q, Shared::new(k, size, group), Shared::new(v, size, group))
    }
}

/// A matrix of one column as a vector.
fn column<T>(matrix: ArrayViewMut2<T>) -> ArrayViewMut1<T> {
    matrix.index_axis_move(Axis(1), 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::attention::head::Head;
    use crate::attention::rotary::Scaling;
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
        let options = Options { n_kv_head: sizes.1, rope: None, bias: (bias, bias) };
        random_layer_with(sizes, mask, options, rng)
    }

    fn random_layer_with(
        sizes: (usize, usize),
        mask: Mask,
        options: Options,
        rng: &mut Generator,
    ) -> (MultiHeadAttention, Params<f64>) {
        let mut layout = Layout::new();
        let (scope, none) = (layout.scope("attn"), Dropout::new(0.0).unwrap());
        let attn =
            MultiHeadAttention::declare_with(scope, sizes, mask, none, options, INIT).unwrap();
        let params = Params::initialise(&layout, rng);
        (attn, params)
    }

    /// Number of query heads, and the options of a layer of heads of an even size.
    fn options() -> impl Strategy<Value = (usize, Options)> {
        let scaling = Scaling::Linear { factor: 2.0 };
        let rope = prop::option::of(prop::sample::select(vec![
            Rope::new(100.0),
            Rope { theta: 10.0, scaling },
        ]));
        (1usize..4, 1usize..4, rope, any::<(bool, bool)>()).prop_map(
            |(n_kv_head, group, rope, bias)| (n_kv_head * group, Options { n_kv_head, rope, bias }),
        )
    }

    pub(in crate::attention) fn normal(shape: (usize, usize), rng: &mut Generator) -> Array2<f64> {
        let mut matrix = Array2::zeros(shape);
        fill_normal(matrix.as_slice_mut().unwrap(), 1.0, rng);
        matrix
    }

    /// Two documents, or one where the first takes the whole sequence.
    fn cut(first: usize, length: usize) -> Vec<usize> {
        if first < length { vec![first, length - first] } else { vec![length] }
    }

    fn rngs(batch: usize) -> Vec<Generator> {
        (0..batch).map(|b| generator(9, Purpose::Dropout, b as u64)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn gradient(
            batch in 1usize..3, length in 1usize..5, (n_head, options) in options(), half in 1usize..3,
            causal: bool, dropout in prop::sample::select(vec![0.0, 0.4]), first in 1usize..5, seed: u64,
        ) {
            let documents = vec![cut(first, length); batch];
            let (mask, n_embd) = (if causal { Mask::Causal } else { Mask::None }, n_head * 2 * half);
            let dropout = Dropout::new(dropout).unwrap();
            let rows = batch * length;
            Problem::new(seed, &[rows * n_embd], |layout| {
                let (scope, sizes) = (layout.scope("attn"), (n_embd, n_head));
                MultiHeadAttention::declare_with(scope, sizes, mask, dropout, options, INIT).unwrap()
            })
            .check(
                rows * n_embd,
                |attn, params, x, y| {
                    let acts = &mut attn.activations(batch, length);
                    acts.documents.set(&documents);
                    let x = array(&x[0], rows, n_embd);
                    attn.forward(params, x, acts, array_mut(y, rows, n_embd), Some(&mut rngs(batch)));
                },
                |attn, params, x, dy, dx, grads| {
                    let acts = &mut attn.activations(batch, length);
                    acts.documents.set(&documents);
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

        /// Two documents in one sequence are two sequences: every output and every gradient.
        #[test]
        fn packed_documents_do_not_see_one_another(
            first in 1usize..70, second in 1usize..70, (n_head, options) in options(),
            causal: bool, seed: u64,
        ) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            let n_embd = 4 * n_head;
            let mut rng = generator(seed, Purpose::Other, 0);
            let (attn, params) = random_layer_with((n_embd, n_head), mask, options, &mut rng);
            let length = first + second;
            let (x, dout) = (normal((length, n_embd), &mut rng), normal((length, n_embd), &mut rng));
            let run = |rows: Range<usize>, lengths: Vec<usize>| {
                let (x, dout) = (x.slice(s![rows.clone(), ..]), dout.slice(s![rows.clone(), ..]));
                let (mut acts, mut scratch) = (attn.activations(1, rows.len()), attn.scratch(1, rows.len()));
                acts.documents.set(&[lengths]);
                let (mut out, mut dx) = (x.to_owned(), x.to_owned());
                let mut grads = Params { values: vec![0.0; params.values.len()] };
                attn.forward(&params, x, &mut acts, out.view_mut(), None);
                let pass = Backward { params: &params, grads: &mut grads, scratch: &mut scratch };
                attn.backward(x, &acts, dout, dx.view_mut(), pass);
                (out, dx, grads.values)
            };
            let packed = run(0..length, vec![first, second]);
            let (a, b) = (run(0..first, vec![first]), run(first..length, vec![second]));
            let stacked = |a: &Array2<f64>, b: &Array2<f64>| {
                ndarray::concatenate![Axis(0), a.view(), b.view()]
            };
            let near = |a: f64, b: f64| (a - b).abs() < 1e-10 * (1.0 + b.abs());
            prop_assert!(packed.0.iter().zip(&stacked(&a.0, &b.0)).all(|(&a, &b)| near(a, b)));
            prop_assert!(packed.1.iter().zip(&stacked(&a.1, &b.1)).all(|(&a, &b)| near(a, b)));
            let sums = a.2.iter().zip(&b.2).map(|(a, b)| a + b);
            prop_assert!(packed.2.iter().zip(sums).all(|(&a, b)| near(a, b)));
        }

        /// However many tokens arrive at a time.
        #[test]
        fn a_cache_changes_no_output(
            parts in prop::collection::vec(1usize..6, 1..6), (n_head, options) in options(), seed: u64,
        ) {
            let (length, n_embd) = (parts.iter().sum(), 4 * n_head);
            let mut rng = generator(seed, Purpose::Other, 0);
            let (attn, params) =
                random_layer_with((n_embd, n_head), Mask::Causal, options, &mut rng);
            let mut x = normal((length, n_embd), &mut rng);
            let mut whole = x.clone();
            attn.forward(&params, x.view(), &mut attn.activations(1, length), whole.view_mut(), None);

            let (mut cache, mut scratch, mut start) = (attn.cache(Numbers::Full, length), attn.cache_scratch(length, 6), 0);
            for part in parts {
                let new = x.slice_mut(s![start..start + part, ..]);
                attn.forward_cached(&params, new, start, &mut cache, &mut scratch);
                start += part;
            }
            for (a, b) in x.iter().zip(&whole) {
                prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }

        /// Keys and values in float16 have a relative error of at most 2^-11. So a token finds nearly the
        /// same, whether the others came with it or before it.
        #[test]
        fn a_cache_in_float16_changes_little(length in 2usize..150, first in 0.0..1.0, seed: u64) {
            let first = 1 + (first * (length - 1) as f64) as usize;
            let mut rng = generator(seed, Purpose::Other, 0);
            let (attn, params) = random_layer((24, 3), Mask::Causal, true, &mut rng);
            let x = normal((length, 24), &mut rng);
            let run = |numbers, first| {
                let (mut cache, mut y) = (attn.cache(numbers, length), x.clone());
                let mut scratch = attn.cache_scratch(length, length);
                let mut new = |rows: Range<usize>| {
                    let y = y.slice_mut(s![rows.clone(), ..]);
                    attn.forward_cached(&params, y, rows.start, &mut cache, &mut scratch);
                };
                new(0..first);
                (first..length).for_each(|i| new(i..i + 1));
                y
            };
            let (full, half) = (run(Numbers::Full, first), run(Numbers::Half, first));
            let size = full.iter().fold(0.0, |size: f64, y| size.max(y.abs()));
            let error = full.iter().zip(&half).fold(0.0, |e: f64, (a, b)| e.max((a - b).abs()));
            prop_assert!(error > 0.0 && error < 4e-3 * size, "{error} of {size}");
            // However they arrive, they are rounded once.
            let together = run(Numbers::Half, length);
            prop_assert!(half.iter().zip(&together).all(|(a, b)| (a - b).abs() < 1e-12));
        }

        /// Sharing a head of keys and values is the same as giving a copy of it to every head, and its
        /// gradient is the sum of the copies' gradients.
        #[test]
        fn a_group_is_a_layer_with_copies(
            batch in 1usize..3, length in 1usize..70, (n_head, options) in options(), seed: u64,
        ) {
            let (n_embd, size, n_kv_head) = (4 * n_head, 4, options.n_kv_head);
            let mut rng = generator(seed, Purpose::Other, 0);
            let sizes = (n_embd, n_head);
            let (grouped, params) = random_layer_with(sizes, Mask::Causal, options, &mut rng);
            let copies = Options { n_kv_head: n_head, ..options };
            let (copied, mut copied_params) =
                random_layer_with(sizes, Mask::Causal, copies, &mut rng);
            // Column i of the layer with copies is column `source(i)` of the other.
            let source = |i: usize| {
                let (part, h, j) = (i / n_embd, i % n_embd / size, i % size);
                let kv_h = h / (n_head / n_kv_head);
                if part == 0 { i } else { n_embd + ((part - 1) * n_kv_head + kv_h) * size + j }
            };
            let weight = params.matrix(grouped.c_attn.weight);
            let mut copied_weight = copied_params.matrix_mut(copied.c_attn.weight);
            for i in 0..3 * n_embd {
                copied_weight.column_mut(i).assign(&weight.column(source(i)));
            }
            copied_params.matrix_mut(copied.c_proj.weight).assign(&params.matrix(grouped.c_proj.weight));

            let x = normal((batch * length, n_embd), &mut rng);
            let dout = normal((batch * length, n_embd), &mut rng);
            let run = |attn: &MultiHeadAttention, params: &Params<f64>| {
                let (mut acts, mut scratch) = (attn.activations(batch, length), attn.scratch(batch, length));
                let (mut out, mut dx) = (x.clone(), x.clone());
                let mut grads = Params { values: vec![0.0; params.values.len()] };
                attn.forward(params, x.view(), &mut acts, out.view_mut(), None);
                let pass = Backward { params, grads: &mut grads, scratch: &mut scratch };
                attn.backward(x.view(), &acts, dout.view(), dx.view_mut(), pass);
                (out, dx, grads)
            };
            let (out, dx, grads) = run(&grouped, &params);
            let (copied_out, copied_dx, copied_grads) = run(&copied, &copied_params);
            let mut sums = Array2::zeros((n_embd, weight.ncols()));
            for (i, dw) in copied_grads.matrix(copied.c_attn.weight).columns().into_iter().enumerate() {
                let mut sum = sums.column_mut(source(i));
                sum += &dw;
            }
            let dweight = grads.matrix(grouped.c_attn.weight);
            let near = |a: ArrayView2<f64>, b: &Array2<f64>| {
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10 * (1.0 + b.abs()))
            };
            prop_assert!(near(out.view(), &copied_out) && near(dx.view(), &copied_dx));
            prop_assert!(near(dweight, &sums));
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
