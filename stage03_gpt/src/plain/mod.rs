//! The whole GPT in plain loops: its model, its training and its generation of text, to be read at
//! a sitting.
//!
//! 1. This file is the model: the forward pass and the backward pass.
//! 2. [`layers`] has the layers, each forward pass beside its backward pass.
//! 3. [`adamw`] changes the weights: clipping, moments, weight decay.
//! 4. [`train`] is the training loop: micro-batches, a step, an evaluation now and then.
//! 5. [`generate`] writes with a KV cache.
//!
//! ```text
//! x    = wte[token] + wpe[position]
//! x    = x + attention(ln_1(x)),   x = x + mlp(ln_2(x))        n_layer times
//! loss = the mean of -ln softmax(ln_f(x) wte')[target]
//! ```
//!
//! The backward pass is the same lines from the last to the first, each with its derivative.
//!
//! Letters in the shapes: B sequences of T tokens each; C = n_embd columns for every token, cut
//! into nh = n_head heads of hs = C / nh columns; V = vocab_size. Row `b T + t` of a matrix of
//! shape (B T, C) is token t of sequence b.
//!
//! The other files of this crate do the same work many times faster, and every trick costs some
//! lines. Here a matrix is allocated where it is needed and dropped afterwards. Attention holds
//! all T times T attention weights. There are no blocks, no threads and no SIMD. One thing can be
//! exchanged, because nearly all the work is in it: the matrix product (a [`Product`]). The
//! architecture and the parameter vector are those of the fast model, so tests hold one to the
//! other: the loss, every gradient, the optimiser, whole runs, and the text that is written.
//!
//! `cargo run -p stage03_gpt --example plain_gpt` trains the default model with this code.
//!
//! ```
//! use stage02_attention::params::Params;
//! use stage03_gpt::plain::{Batch, Plain};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt};
//!
//! let gpt = Gpt::new(GptConfig {
//!     vocab_size: 10, block_size: 3, n_layer: 1, n_head: 2, n_embd: 4, dropout: 0.0, bias: true,
//!     ..GptConfig::default()
//! })?;
//! let (model, weights) = (Plain::new(&gpt), Params::<f64>::zeros(gpt.layout()));
//! let batch = Batch { tokens: vec![1, 2, 3], targets: vec![2, 3, 4], rngs: vec![] };
//! let acts = model.forward(&weights, &batch.tokens, &batch.rngs);
//! let loss = model.backward(&weights, &batch, &acts, 1.0, &mut Params::zeros(gpt.layout()));
//! // Weights of zero give logits of zero: each of the ten tokens has the probability 1/10.
//! assert!((loss - 10f64.ln()).abs() < 1e-12);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//! What these files leave out: checkpoints, errors of training (a loss that is not finite is
//! reported like any other), and 16-bit matrix products.

pub mod adamw;
pub mod generate;
pub mod layers;
pub mod llama;
pub mod train;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage01_bigram::random::Generator;
use stage02_attention::matmul;
use stage02_attention::params::Params;

use crate::block::Block;
use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::mlp::Mlp;
pub use adamw::Optimiser;
use layers::{
    MultiHead, cross_entropy, dropout, dropout_mask, embed, embed_backward, gelu, gelu_derivative,
    layer_norm, layer_norm_backward, linear, linear_backward, times,
};

/// c = alpha a b + beta c: [`matmul::plain`], which is three loops, or [`matmul::gemm`], which
/// gives the same matrix faster.
pub type Product<T> =
    fn(alpha: T, a: ArrayView2<T>, b: ArrayView2<T>, beta: T, c: &mut ArrayViewMut2<T>);

/// A GPT of plain loops.
pub struct Plain<'a, T> {
    /// The architecture: its sizes, and where each layer's weights are.
    pub gpt: &'a Gpt,
    /// T: how many tokens a sequence has.
    pub length: usize,
    /// How two matrices are multiplied.
    pub product: Product<T>,
}

/// A micro-batch: B sequences of T tokens, one after another.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The tokens that the model reads. Length: B T.
    pub tokens: Vec<u32>,
    /// For each of them, the token that came next.
    pub targets: Vec<u32>,
    /// A generator of dropout masks for each sequence; empty: nothing is dropped.
    pub rngs: Vec<Generator>,
}

/// What the forward pass leaves for the backward pass.
pub struct Activations<T> {
    /// The dropout mask of the embeddings.
    mask: Option<Array2<T>>,
    blocks: Vec<BlockActivations<T>>,
    /// The residual stream behind the last block. Shape: (B T, C).
    x: Array2<T>,
    /// ln_f(x). Shape: (B T, C).
    normed: Array2<T>,
    /// A score for every possible next token. Shape: (B T, V).
    pub logits: Array2<T>,
}

/// What one block leaves for the backward pass. Shape of each matrix: (B T, C).
struct BlockActivations<T> {
    x: Array2<T>,
    attn: MultiHead<T>,
    mask_1: Option<Array2<T>>,
    x1: Array2<T>,
    mlp: MlpActivations<T>,
    mask_2: Option<Array2<T>>,
}

/// What the feed-forward layer leaves for the backward pass.
struct MlpActivations<T> {
    /// Its input. Shape: (B T, C).
    x: Array2<T>,
    /// Before and after the activation function. Shape: (B T, 4 C).
    h: Array2<T>,
    g: Array2<T>,
}

impl<'a, T: Float> Plain<'a, T> {
    /// The plain model of a GPT-2, for sequences of `block_size` tokens, with three loops for its
    /// matrix product.
    ///
    /// # Panics
    /// When the architecture has other parts than GPT-2's.
    pub fn new(gpt: &'a Gpt) -> Self {
        assert!(gpt.config().arch.is_gpt2(), "the plain model is a GPT-2");
        Plain { gpt, length: gpt.config().block_size, product: matmul::plain }
    }

    /// The forward pass: the logits, and all that was computed on the way to them.
    ///
    /// tokens: (B T); rngs: a generator for each sequence, to draw dropout masks (training), or
    /// none (evaluation).
    // ANCHOR: forward
    pub fn forward(
        &self,
        params: &Params<T>,
        tokens: &[u32],
        rngs: &[Generator],
    ) -> Activations<T> {
        let (Gpt { ln_f, .. }, [wte, wpe]) = (self.gpt, self.gpt.embeddings());
        let mut rngs = if self.gpt.config().dropout > 0.0 { rngs.to_vec() } else { Vec::new() };

        let mask = self.dropout_mask(&mut rngs);
        // ANCHOR: forward_in_short
        let mut x = dropout(embed([wte, wpe], params, tokens, self.length), mask.as_ref());
        let mut blocks = Vec::new();
        for block in &self.gpt.blocks {
            let (acts, x2) = self.block(block, params, x, &mut rngs);
            blocks.push(acts);
            x = x2;
        }
        let normed = layer_norm(ln_f, params, &x);
        let logits = times(self.product, T::one(), normed.view(), params.matrix(wte.weight).t());
        // ANCHOR_END: forward_in_short
        Activations { mask, blocks, x, normed, logits }
    }
    // ANCHOR_END: forward

    /// The backward pass: returns the mean loss of the micro-batch, and adds the gradient of
    /// `scale` times this loss to `grads`.
    pub fn backward(
        &self,
        params: &Params<T>,
        batch: &Batch,
        acts: &Activations<T>,
        scale: f64,
        grads: &mut Params<T>,
    ) -> f64 {
        // ANCHOR: backward
        let (Gpt { ln_f, .. }, [wte, wpe]) = (self.gpt, self.gpt.embeddings());
        let n = batch.targets.len() as f64;
        let (sum, dlogits) = cross_entropy(&acts.logits, &batch.targets, T::of(scale / n));

        // logits = normed wte'
        let dnormed = times(self.product, T::one(), dlogits.view(), params.matrix(wte.weight));
        let mut dwte = grads.matrix_mut(wte.weight);
        (self.product)(T::one(), dlogits.t(), acts.normed.view(), T::one(), &mut dwte);

        let mut dx = layer_norm_backward(ln_f, params, &acts.x, &dnormed, grads);
        for (block, acts) in self.gpt.blocks.iter().zip(&acts.blocks).rev() {
            dx = self.block_backward(block, params, acts, dx, grads);
        }
        let dx = dropout(dx, acts.mask.as_ref());
        embed_backward([wte, wpe], &batch.tokens, self.length, &dx, grads);
        sum / n
        // ANCHOR_END: backward
    }

    /// x1 = x + attention(ln_1(x)),  x2 = x1 + mlp(ln_2(x1)), with dropout before each plus.
    /// Returns what the backward pass needs, and x2. Shape of x, x1, x2: (B T, C).
    // ANCHOR: block
    fn block(
        &self,
        block: &Block,
        params: &Params<T>,
        x: Array2<T>,
        rngs: &mut [Generator],
    ) -> (BlockActivations<T>, Array2<T>) {
        let normed = layer_norm(&block.ln_1, params, &x);
        let (attn, y) = self.multi_head(&block.attn, params, normed, rngs);
        let mask_1 = self.dropout_mask(rngs);
        let x1 = &x + &dropout(y, mask_1.as_ref());

        let normed = layer_norm(&block.ln_2, params, &x1);
        let (mlp, y) = self.mlp(block.mlp.gelu(), params, normed);
        let mask_2 = self.dropout_mask(rngs);
        let x2 = &x1 + &dropout(y, mask_2.as_ref());
        (BlockActivations { x, attn, mask_1, x1, mlp, mask_2 }, x2)
    }
    // ANCHOR_END: block

    /// dx from dx2: the lines of `block` from the last to the first. A residual connection, a
    /// plus, passes the gradient on to both of its sides.
    // ANCHOR: block_backward
    fn block_backward(
        &self,
        block: &Block,
        params: &Params<T>,
        acts: &BlockActivations<T>,
        dx2: Array2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let dy = dropout(dx2.clone(), acts.mask_2.as_ref());
        let dnormed = self.mlp_backward(block.mlp.gelu(), params, &acts.mlp, &dy, grads);
        let dx1 = dx2 + layer_norm_backward(&block.ln_2, params, &acts.x1, &dnormed, grads);

        let dy = dropout(dx1.clone(), acts.mask_1.as_ref());
        let dnormed = self.multi_head_backward(&block.attn, params, &acts.attn, &dy, grads);
        dx1 + layer_norm_backward(&block.ln_1, params, &acts.x, &dnormed, grads)
    }
    // ANCHOR_END: block_backward

    /// The feed-forward layer: y = c_proj(gelu(c_fc(x))). x, y: (B T, C); h, g: (B T, 4 C).
    // ANCHOR: mlp
    fn mlp(&self, mlp: &Mlp, params: &Params<T>, x: Array2<T>) -> (MlpActivations<T>, Array2<T>) {
        let h = linear(self.product, &mlp.c_fc, params, &x);
        let g = h.mapv(gelu);
        let y = linear(self.product, &mlp.c_proj, params, &g);
        (MlpActivations { x, h, g }, y)
    }
    // ANCHOR_END: mlp

    /// dx from dy, both (B T, C): dh = dg gelu'(h) between the two linear layers.
    // ANCHOR: mlp_backward
    fn mlp_backward(
        &self,
        mlp: &Mlp,
        params: &Params<T>,
        acts: &MlpActivations<T>,
        dy: &Array2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let dg = linear_backward(self.product, &mlp.c_proj, params, &acts.g, dy, grads);
        let dh = dg * acts.h.mapv(gelu_derivative);
        linear_backward(self.product, &mlp.c_fc, params, &acts.x, &dh, grads)
    }
    // ANCHOR_END: mlp_backward

    /// The next dropout mask, (B T, C), or none where there are no generators.
    fn dropout_mask(&self, rngs: &mut [Generator]) -> Option<Array2<T>> {
        let &GptConfig { dropout, n_embd, .. } = self.gpt.config();
        (!rngs.is_empty()).then(|| dropout_mask(dropout, (self.length, n_embd), rngs))
    }
}

#[cfg(test)]
mod tests;
