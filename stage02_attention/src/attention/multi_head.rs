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

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rand::SeedableRng;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::{Float, Result};

use super::heads::Heads;
use super::{Mask, fused, head_size, scaled_dot_product, single_query};
use crate::dropout::Dropout;
use crate::linear::Linear;
use crate::parallel::{threads, threads_for, threads_to_fetch};
use crate::params::{Init, Params, Scope};

/// Self-attention with several heads.
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadAttention {
    /// From n_embd to the queries, keys and values of all heads: 3 n_embd.
    pub c_attn: Linear,
    /// From what the heads found, n_embd, back to n_embd.
    pub c_proj: Linear,
    n_embd: usize,
    n_head: usize,
    mask: Mask,
    dropout: Dropout,
}

/// What a forward pass leaves for the backward pass. Built once for a batch and a length.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    length: usize,
    /// Queries, keys and values. Shape: (batch * length, 3 n_embd).
    pub qkv: Array2<T>,
    /// What [`fused`] keeps of the shares. Shape: (batch * length, n_head).
    lse: Array2<T>,
    /// By which each head of each sequence forgets; no rows where nothing is dropped. Shape:
    /// (batch, n_head).
    rngs: Array2<Generator>,
    /// What the heads found, side by side. Shape: (batch * length, n_embd).
    y: Array2<T>,
    /// Room for each of the hands that work on heads.
    rooms: Vec<T>,
    /// Whether the last forward pass dropped anything.
    training: bool,
}

/// Room for a backward pass. Nothing in it outlives the pass, so all blocks share one.
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    dqkv: Array2<T>,
    dy: Array2<T>,
    rooms: Vec<T>,
}

/// Room to look without learning: see [`MultiHeadAttention::attend_cached`].
#[derive(Clone, Debug)]
pub struct Space<T> {
    lse: Array2<T>,
    rooms: Vec<T>,
    threads: usize,
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

    /// Room for the forward pass of `batch` sequences of `length` tokens.
    pub fn activations<T: Float>(&self, batch: usize, length: usize) -> Activations<T> {
        let forgetting = if self.dropout.is_active() { batch } else { 0 };
        let rng = generator(0, Purpose::Dropout, 0); // stands here until the first pass
        Activations {
            length,
            qkv: Array2::zeros((batch * length, 3 * self.n_embd)),
            lse: Array2::zeros((batch * length, self.n_head)),
            rngs: Array2::from_elem((forgetting, self.n_head), rng),
            y: Array2::zeros((batch * length, self.n_embd)),
            rooms: vec![T::zero(); threads() * fused::room(length)],
            training: false,
        }
    }

    /// Room for the backward pass of `batch` sequences of `length` tokens.
    pub fn scratch<T: Float>(&self, batch: usize, length: usize) -> Scratch<T> {
        Scratch {
            dqkv: Array2::zeros((batch * length, 3 * self.n_embd)),
            dy: Array2::zeros((batch * length, self.n_embd)),
            rooms: vec![T::zero(); threads() * fused::room(length)],
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
    /// generator for every sequence to drop shares by (training), or none (evaluation).
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
            // Each head of a sequence forgets by its own generator, so that heads need not wait
            // for one another, and the backward pass can draw the same numbers again.
            for (mut heads, rng) in acts.rngs.rows_mut().into_iter().zip(rngs) {
                heads.map_inplace(|own| *own = Generator::from_rng(rng));
            }
        }
        let threads =
            threads_for(x.len() * acts.length).min(acts.rooms.len() / fused::room(acts.length));
        // ANCHOR: heads
        let heads = Heads {
            heads: self.n_head,
            sequences: x.nrows() / acts.length,
            reads: self.split_qkv(acts.qkv.view()),
            writes: [acts.y.view_mut(), acts.lse.view_mut()],
            extra: acts.rngs.view(),
            rooms: &mut acts.rooms,
        };
        let (mask, dropout) = (self.mask, acts.training.then_some(self.dropout));
        heads.each(threads, &|[q, k, v], [y, mut lse], rng, space| {
            let mut rng = rng.cloned();
            let forget = dropout.zip(rng.as_mut());
            fused::forward((q, k, v), mask, forget, space, lse.column_mut(0), y);
        });
        self.c_proj.forward(params, acts.y.view(), out);
        // ANCHOR_END: heads
    }

    /// The gradient of x and of both layers from the gradient of the output.
    ///
    /// x: as in the forward pass; dout, dx: (batch * length, n_embd); dx is overwritten.
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        acts: &Activations<T>,
        scratch: &mut Scratch<T>,
        dout: ArrayView2<T>,
        dx: ArrayViewMut2<T>,
        grads: &mut Params<T>,
    ) {
        let Scratch { dqkv, dy, rooms } = scratch;
        let threads =
            threads_for(x.len() * acts.length).min(rooms.len() / fused::room(acts.length));
        self.c_proj.backward(params, acts.y.view(), dout, dy.view_mut(), grads);
        let (dq, rest) = dqkv.view_mut().split_at(Axis(1), self.n_embd);
        let (dk, dv) = rest.split_at(Axis(1), self.n_embd);
        let [q, k, v] = self.split_qkv(acts.qkv.view());
        let heads = Heads {
            heads: self.n_head,
            sequences: x.nrows() / acts.length,
            reads: [q, k, v, acts.y.view(), dy.view(), acts.lse.view()],
            writes: [dq, dk, dv],
            extra: acts.rngs.view(),
            rooms,
        };
        let (mask, dropout) = (self.mask, acts.training.then_some(self.dropout));
        heads.each(threads, &|[q, k, v, y, dy, lse], [dq, dk, dv], rng, space| {
            let mut rng = rng.cloned();
            let forget = dropout.zip(rng.as_mut());
            let (lse, gradients) = (lse.column(0), (dq, dk, dv));
            fused::backward((q, k, v), mask, forget, lse, (y, dy), space, gradients);
        });
        self.c_attn.backward(params, x, scratch.dqkv.view(), dx, grads);
    }

    /// What the heads find in keys and values that are kept elsewhere, such as a KV cache.
    ///
    /// q, y: (queries, n_embd), the columns of all heads; y is overwritten; k, v: (keys,
    /// n_embd), where the queries are the last tokens of the keys. `c_attn` comes before this
    /// and `c_proj` after it.
    pub fn attend_cached<T: Float>(
        &self,
        [q, k, v]: [ArrayView2<T>; 3],
        space: &mut Space<T>,
        y: ArrayViewMut2<T>,
    ) {
        let (queries, keys) = (q.nrows(), k.nrows());
        if queries == 1 {
            return single_query::forward(self.n_head, [q, k, v], &mut space.rooms, y);
        }
        let worth =
            threads_for(queries * keys * self.n_embd).max(threads_to_fetch(k.len() + v.len()));
        let heads = Heads {
            heads: self.n_head,
            sequences: 1,
            reads: [q, k, v],
            writes: [y, space.lse.slice_mut(s![..queries, ..])],
            extra: ArrayView2::<()>::from_shape((0, self.n_head), &[]).expect("no rows"),
            rooms: &mut space.rooms,
        };
        heads.each(worth.min(space.threads), &|[q, k, v], [y, mut lse], _, room| {
            fused::forward((q, k, v), self.mask, None, room, lse.column_mut(0), y);
        });
    }

    /// Room for [`MultiHeadAttention::attend_cached`] with up to so many keys.
    pub fn space<T: Float>(&self, keys: usize) -> Space<T> {
        let room = fused::room(keys).max(single_query::room(self.n_head, keys, self.n_embd));
        let rooms = vec![T::zero(); threads() * room];
        Space { lse: Array2::zeros((keys, self.n_head)), rooms, threads: threads() }
    }

    /// Who looks at whom in head `h` of sequence `b`, in the last forward pass, before dropout.
    /// Row i holds the shares of token i. Shape: (length, length).
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

    // ANCHOR: thirds
    /// Queries, keys and values, each of all heads.
    fn split_qkv<'a, T>(&self, qkv: ArrayView2<'a, T>) -> [ArrayView2<'a, T>; 3] {
        let (q, rest) = qkv.split_at(Axis(1), self.n_embd);
        let (k, v) = rest.split_at(Axis(1), self.n_embd);
        [q, k, v]
    }
    // ANCHOR_END: thirds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::head::Head;
    use crate::layer_check::{Problem, array, array_mut};
    use crate::params::{Layout, fill_normal};
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};

    const INIT: (Init, Init) = (Init::Normal(0.5), Init::Normal(0.5));

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
                    attn.backward(params, x, acts, scratch, dy, array_mut(&mut dx[0], rows, n_embd), grads);
                },
            );
        }

        /// The promise of a decoder: what comes later changes nothing. And its converse for an
        /// encoder, so that the first half of the test is seen to be able to fail.
        #[test]
        fn only_without_a_mask_does_the_future_matter(
            length in 2usize..80, at in 0.0..1.0, seed: u64,
        ) {
            let at = 1 + (at * (length - 1) as f64) as usize; // the token that changes: not the first
            for (mask, earlier_may_change) in [(Mask::Causal, false), (Mask::None, true)] {
                let mut layout = Layout::new();
                let dropout = Dropout::new(0.0).unwrap();
                let attn = MultiHeadAttention::declare(layout.scope("attn"), (6, 2), mask, dropout, true, INIT).unwrap();
                let mut rng = generator(seed, Purpose::Other, 0);
                let params = Params::<f64>::initialise(&layout, &mut rng);
                let mut x = Array2::zeros((length, 6));
                fill_normal(x.as_slice_mut().unwrap(), 1.0, &mut rng);
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

        /// One head of the fast layer is the head that is written to be read.
        #[test]
        fn one_head_equals_the_readable_one(length in 1usize..70, n_embd in 1usize..5, causal: bool, seed: u64) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            let (mut fast_layout, mut plain_layout) = (Layout::new(), Layout::new());
            let dropout = Dropout::new(0.0).unwrap();
            let fast = MultiHeadAttention::declare(fast_layout.scope("attn"), (n_embd, 1), mask, dropout, false, INIT).unwrap();
            let plain = Head::declare(plain_layout.scope("head"), n_embd, n_embd, mask, INIT.0);
            let mut rng = generator(seed, Purpose::Other, 0);
            let mut fast_params = Params::<f64>::initialise(&fast_layout, &mut rng);
            let mut plain_params = Params::<f64>::zeros(&plain_layout);
            // The plain head keeps its three tables one after another, the fast one side by side;
            // and the fast one's last layer is made to change nothing.
            let n = n_embd;
            for i in 0..n {
                for j in 0..n {
                    for part in 0..3 {
                        plain_params.values[part * n * n + i * n + j] = fast_params.values[i * 3 * n + part * n + j];
                    }
                    fast_params.values[3 * n * n + i * n + j] = if i == j { 1.0 } else { 0.0 };
                }
            }
            let mut x = Array2::zeros((length, n));
            fill_normal(x.as_slice_mut().unwrap(), 1.0, &mut rng);
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
