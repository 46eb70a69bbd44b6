//! A whole Llama in plain loops: GPT-2 with its four parts exchanged, forward and backward.
//!
//! ```text
//! x    = wte[token]                                  no position is added
//! x1   = x  + attention(rms_norm(x))                 queries and keys are rotated; heads share keys
//! x2   = x1 + swiglu(rms_norm(x1))
//! logits = rms_norm(x) lm_head'                      lm_head may be wte
//! ```
//!
//! To be read beside [`plain`](crate::plain): the two forward passes have the same lines. Without biases
//! and without dropout, as Llama is. The engine that trains and runs such models
//! ([`gpt`](crate::gpt)) computes the same numbers; a test compares every gradient.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::architecture::Architecture;
//! use stage03_gpt::config::GptConfig;
//! use stage03_gpt::gpt::Gpt;
//! use stage03_gpt::plain::llama::model::PlainLlama;
//!
//! let (vocab_size, block_size, n_layer, n_head, n_embd) = (10, 3, 1, 4, 8);
//! let arch = Architecture { n_kv_head: Some(2), ..Architecture::LLAMA };
//! let sizes = GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, arch, ..GptConfig::default() };
//! let gpt = Gpt::new(sizes)?;
//! let weights = gpt.initialise::<f64>(&mut generator(1, Purpose::Initialisation, 0));
//! let acts = PlainLlama::new(&gpt).forward(&weights, &[1, 2, 3]);
//! assert_eq!(acts.logits.dim(), (3, 10));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the four parts (its neighbours), training and generation, which do not
//! differ from GPT-2's.

use ndarray::{Array2, ArrayView2, s};
use stage01_bigram::Float;
use stage02_attention::matmul;
use stage02_attention::params::Params;

use super::grouped::{grouped_attention, grouped_attention_backward};
use super::rms_norm::{rms_norm, rms_norm_backward};
use super::rotary::{rotate, rotate_backward};
use super::swiglu::{self, swiglu, swiglu_backward};
use crate::block::Block;
use crate::gpt::Gpt;
use crate::norm::Norm;
use crate::plain::layers::{cross_entropy, linear, linear_backward, times};
use crate::plain::{Batch, Product};
use crate::rms_norm::RmsNorm;
use crate::swiglu::SwiGlu;

/// A Llama of plain loops.
pub struct PlainLlama<'a, T> {
    /// The architecture: its sizes, and where each layer's weights are.
    pub gpt: &'a Gpt,
    /// T: how many tokens a sequence has.
    pub length: usize,
    /// How two matrices are multiplied.
    pub product: Product<T>,
}

/// What the forward pass leaves for the backward pass.
pub struct Activations<T> {
    blocks: Vec<BlockActivations<T>>,
    /// The residual stream behind the last block, and after the last norm. Shape: (B T, C).
    x: Array2<T>,
    normed: Array2<T>,
    /// A score for every possible next token. Shape: (B T, V).
    pub logits: Array2<T>,
}

/// What one block leaves for the backward pass.
struct BlockActivations<T> {
    x: Array2<T>,
    attn: AttentionActivations<T>,
    x1: Array2<T>,
    mlp: swiglu::Activations<T>,
}

/// What attention leaves for the backward pass.
struct AttentionActivations<T> {
    /// Its input. Shape: (B T, C).
    x: Array2<T>,
    /// Rotated queries, rotated keys, and values. Shape: (B T, C + 2 C_kv).
    qkv: Array2<T>,
    /// The attention weights of each head of each sequence. Shape of each: (T, T).
    att: Vec<Vec<Array2<T>>>,
    y: Array2<T>,
}

impl<'a, T: Float> PlainLlama<'a, T> {
    /// The plain model of a Llama, for sequences of `block_size` tokens, with three loops for its
    /// matrix product.
    ///
    /// # Panics
    /// When the architecture has other parts than Llama's, biases, or a scaled rotation.
    pub fn new(gpt: &'a Gpt) -> Self {
        let config = gpt.config();
        assert!(config.arch.is_llama() && !config.bias && !config.arch.qkv_bias, "a Llama");
        let unscaled = stage02_attention::attention::rotary::Scaling::None;
        assert!(config.arch.rope().is_some_and(|rope| rope.scaling == unscaled), "no scaling");
        PlainLlama { gpt, length: config.block_size, product: matmul::plain }
    }

    /// The forward pass: the logits, and all that was computed on the way to them.
    ///
    /// tokens: (B T).
    // ANCHOR: forward
    pub fn forward(&self, params: &Params<T>, tokens: &[u32]) -> Activations<T> {
        let wte = params.matrix(self.gpt.wte.weight);
        let mut x =
            wte.select(ndarray::Axis(0), &tokens.iter().map(|&t| t as usize).collect::<Vec<_>>());
        let mut blocks = Vec::new();
        for block in &self.gpt.blocks {
            let (acts, x2) = self.block(block, params, x);
            blocks.push(acts);
            x = x2;
        }
        let normed = self.norm(&self.gpt.ln_f, params, &x);
        let lm_head = params.matrix(self.gpt.lm_head);
        let logits = times(self.product, T::one(), normed.view(), lm_head.t());
        Activations { blocks, x, normed, logits }
    }
    // ANCHOR_END: forward

    /// The backward pass: returns the mean loss of the micro-batch, and adds the gradient of
    /// `scale` times this loss to `grads`.
    // ANCHOR: backward
    pub fn backward(
        &self,
        params: &Params<T>,
        batch: &Batch,
        acts: &Activations<T>,
        scale: f64,
        grads: &mut Params<T>,
    ) -> f64 {
        let Gpt { wte, ln_f, lm_head, .. } = self.gpt;
        let n = batch.targets.len() as f64;
        let (sum, dlogits) = cross_entropy(&acts.logits, &batch.targets, T::of(scale / n));
        let dnormed = times(self.product, T::one(), dlogits.view(), params.matrix(*lm_head));
        let mut dlm_head = grads.matrix_mut(*lm_head);
        (self.product)(T::one(), dlogits.t(), acts.normed.view(), T::one(), &mut dlm_head);

        let mut dx = self.norm_backward(ln_f, params, &acts.x, &dnormed, grads);
        for (block, acts) in self.gpt.blocks.iter().zip(&acts.blocks).rev() {
            dx = self.block_backward(block, params, acts, dx, grads);
        }
        let mut dwte = grads.matrix_mut(wte.weight);
        for ((i, j), &dx) in dx.indexed_iter() {
            dwte[[batch.tokens[i] as usize, j]] += dx;
        }
        sum / n
    }
    // ANCHOR_END: backward

    /// x1 = x + attention(ln_1(x)),  x2 = x1 + mlp(ln_2(x1)): the lines of GPT-2's block.
    // ANCHOR: block
    fn block(
        &self,
        block: &Block,
        params: &Params<T>,
        x: Array2<T>,
    ) -> (BlockActivations<T>, Array2<T>) {
        let normed = self.norm(&block.ln_1, params, &x);
        let (attn, y) = self.attention(block, params, normed);
        let x1 = &x + &y;

        let normed = self.norm(&block.ln_2, params, &x1);
        let weights = matrices(block.mlp.swiglu()).map(|weight| params.matrix(weight));
        let (mlp, y) = swiglu(self.product, weights, &normed);
        let x2 = &x1 + &y;
        (BlockActivations { x, attn, x1, mlp }, x2)
    }
    // ANCHOR_END: block

    /// dx from dx2: the lines of `block` from the last to the first.
    fn block_backward(
        &self,
        block: &Block,
        params: &Params<T>,
        acts: &BlockActivations<T>,
        dx2: Array2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let handles = matrices(block.mlp.swiglu());
        let weights = handles.map(|weight| params.matrix(weight));
        let mut gradients = weights.map(|weight| Array2::zeros(weight.raw_dim()));
        let views = &mut gradients.each_mut().map(|gradient| gradient.view_mut());
        let dnormed = swiglu_backward(self.product, weights, &acts.mlp, &dx2, views.each_mut());
        for (handle, gradient) in handles.into_iter().zip(&gradients) {
            grads.matrix_mut(handle).zip_mut_with(gradient, |sum, &part| *sum += part);
        }
        let dx1 = &dx2 + &self.norm_backward(&block.ln_2, params, &acts.x1, &dnormed, grads);

        let dnormed = self.attention_backward(block, params, &acts.attn, &dx1, grads);
        &dx1 + &self.norm_backward(&block.ln_1, params, &acts.x, &dnormed, grads)
    }

    /// Grouped-query attention with rotated queries and keys. x: (B T, C).
    // ANCHOR: attention
    fn attention(
        &self,
        block: &Block,
        params: &Params<T>,
        x: Array2<T>,
    ) -> (AttentionActivations<T>, Array2<T>) {
        let (n_head, n_kv_head) = (self.gpt.config().n_head, self.gpt.config().n_kv_head());
        let mut qkv = linear(self.product, &block.attn.c_attn, params, &x);
        self.rotate(&mut qkv, rotate);
        let (mut y, mut att) = (Array2::zeros(x.raw_dim()), Vec::new());
        for t in self.sequences(x.nrows()) {
            let parts = self.parts(qkv.slice(s![t.clone(), ..]));
            let (weights, found) = grouped_attention(self.product, parts, n_head, n_kv_head);
            y.slice_mut(s![t, ..]).assign(&found);
            att.push(weights);
        }
        let out = linear(self.product, &block.attn.c_proj, params, &y);
        (AttentionActivations { x, qkv, att, y }, out)
    }
    // ANCHOR_END: attention

    /// dx from dout: the lines of `attention` from the last to the first. The gradients of rotated
    /// queries and keys are turned back.
    // ANCHOR: attention_backward
    fn attention_backward(
        &self,
        block: &Block,
        params: &Params<T>,
        acts: &AttentionActivations<T>,
        dout: &Array2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let dy = linear_backward(self.product, &block.attn.c_proj, params, &acts.y, dout, grads);
        let mut dqkv = Array2::zeros(acts.qkv.raw_dim());
        for (t, att) in self.sequences(dy.nrows()).zip(&acts.att) {
            let parts = self.parts(acts.qkv.slice(s![t.clone(), ..]));
            let (dy, n_kv_head) = (dy.slice(s![t.clone(), ..]), self.gpt.config().n_kv_head());
            let gradients = grouped_attention_backward(self.product, parts, att, dy, n_kv_head);
            let views = gradients.each_ref().map(|gradient| gradient.view());
            let joined = ndarray::concatenate(ndarray::Axis(1), &views).expect("equally many rows");
            dqkv.slice_mut(s![t, ..]).assign(&joined);
        }
        self.rotate(&mut dqkv, rotate_backward);
        linear_backward(self.product, &block.attn.c_attn, params, &acts.x, &dqkv, grads)
    }
    // ANCHOR_END: attention_backward

    /// Rotates each head of the queries and keys of each sequence, from position 0 on.
    fn rotate(
        &self,
        qkv: &mut Array2<T>,
        rotate: fn(&Array2<T>, start: usize, theta: f64) -> Array2<T>,
    ) {
        let config = self.gpt.config();
        let theta = config.arch.rope().expect("a Llama rotates").theta;
        let size = config.n_embd / config.n_head;
        for t in self.sequences(qkv.nrows()) {
            for h in 0..config.n_head + config.n_kv_head() {
                let mut head = qkv.slice_mut(s![t.clone(), h * size..(h + 1) * size]);
                let rotated = rotate(&head.to_owned(), 0, theta);
                head.assign(&rotated);
            }
        }
    }

    /// Queries, keys and values of some rows.
    fn parts<'b>(&self, qkv: ArrayView2<'b, T>) -> [ArrayView2<'b, T>; 3] {
        let c = self.gpt.config().n_embd;
        let kv = (qkv.ncols() - c) / 2;
        [0..c, c..c + kv, c + kv..c + 2 * kv].map(|columns| qkv.slice_move(s![.., columns]))
    }

    /// The rows of each sequence.
    fn sequences(&self, rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let length = self.length;
        (0..rows / length).map(move |b| b * length..(b + 1) * length)
    }

    fn norm(&self, norm: &Norm, params: &Params<T>, x: &Array2<T>) -> Array2<T> {
        let &RmsNorm { gamma, eps } = norm.rms_norm();
        rms_norm(x, params.vector(gamma), T::of(eps))
    }

    fn norm_backward(
        &self,
        norm: &Norm,
        params: &Params<T>,
        x: &Array2<T>,
        dy: &Array2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let &RmsNorm { gamma, eps } = norm.rms_norm();
        rms_norm_backward(x, params.vector(gamma), T::of(eps), dy, grads.vector_mut(gamma))
    }
}

/// The three matrices of the feed-forward layer: gate, up, down.
fn matrices(mlp: &SwiGlu) -> [stage02_attention::params::Matrix; 3] {
    [mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Architecture, NormKind, Positions};
    use crate::config::GptConfig;
    use crate::gpt::tests::random_weights;
    use proptest::prelude::*;
    use stage02_attention::attention::rotary::Rope;
    use stage02_attention::backward::Backward;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        /// Logits, loss and every gradient.
        #[test]
        fn the_fast_engine_equals_it(
            n_layer in 1usize..3, n_kv_head in 1usize..3, group in 1usize..3, half in 1usize..4,
            batch in 1usize..3, n_inner in 1usize..9, tie_weights: bool, seed: u64,
        ) {
            let n_head = n_kv_head * group;
            let arch = Architecture {
                norm: NormKind::RmsNorm { eps: 1e-3 },
                positions: Positions::Rotary(Rope::new(100.0)),
                n_inner: Some(n_inner),
                n_kv_head: Some(n_kv_head),
                tie_weights,
                ..Architecture::LLAMA
            };
            let (vocab_size, block_size, n_embd) = (11, 5, 2 * half * n_head);
            let sizes = GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, arch, ..GptConfig::default() };
            let gpt = Gpt::new(sizes).unwrap();
            let params = random_weights(&gpt, 0.5, seed);
            let tokens: Vec<u32> = (0..batch * 5).map(|i| (i * 7 + seed as usize % 5) as u32 % 11).collect();
            let targets: Vec<u32> = tokens.iter().map(|t| (t + 3) % 11).collect();

            let (mut acts, mut scratch) = (gpt.activations(batch, 5), gpt.scratch(batch, 5));
            let (mut fast, mut plain) = (Params::zeros(gpt.layout()), Params::zeros(gpt.layout()));
            gpt.forward(&params, &tokens, &mut acts, None);
            let model = PlainLlama::new(&gpt);
            let plain_acts = model.forward(&params, &tokens);
            let near = |a: &f64, b: &f64| (a - b).abs() < 1e-9 * (1.0 + b.abs());
            prop_assert!(acts.logits.iter().zip(&plain_acts.logits).all(|(a, b)| near(a, b)));

            let pass = Backward { params: &params, grads: &mut fast, scratch: &mut scratch };
            let scale = 1.0 / tokens.len() as f64;
            let sum = gpt.backward(&tokens, &targets, scale, &mut acts, pass);
            let batch = Batch { tokens, targets, rngs: Vec::new() };
            let loss = model.backward(&params, &batch, &plain_acts, 1.0, &mut plain);
            prop_assert!(near(&(sum * scale), &loss));
            prop_assert!(fast.values.iter().zip(&plain.values).all(|(a, b)| near(a, b)));
        }
    }
}
