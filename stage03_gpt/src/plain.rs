//! The training step of a GPT in plain loops: the slow, short measure of the fast one.
//!
//! The other files of this crate do the same work many times faster, and every trick costs some
//! lines. Here is what remains without tricks:
//!
//! ```text
//! x    = wte[token] + wpe[position]
//! x    = x + attention(ln_1(x)),   x = x + mlp(ln_2(x))        n_layer times
//! loss = the mean of -ln softmax(ln_f(x) wte')[target]
//! ```
//!
//! and in the backward pass the same lines from the last to the first, each with its derivative. The
//! layers are in [`layers`].
//!
//! A table is made where it is needed and forgotten afterwards. Attention fills the whole table of
//! T times T shares. Nothing is cut into blocks, no work is shared by threads, and no numbers are
//! worked on side by side. One thing can be exchanged, because nearly all the work is in it: the
//! matrix product (a [`Product`]). The weights are those of the fast model, found by its handles,
//! so tests can hold one model to the other: its loss, every gradient, and the optimiser's step.
//!
//! `cargo run -p stage03_gpt --example ladder` climbs from here to the fast model and measures what
//! each rung brings; `cargo bench -p stage03_gpt` compares layer by layer.
//!
//! What this file leaves out: dropout, the sum over several passes, and the
//! [`schedule`](crate::schedule) of the learning rate.

pub mod layers;

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use stage01_bigram::Float;
use stage02_attention::params::{Layout, Params};

use crate::adamw::{AdamW, Moments};
use crate::block::Block;
use crate::gpt::Gpt;
use layers::{
    attention, attention_backward, cross_entropy, embed, embed_backward, gelu, gelu_derivative,
    layer_norm, layer_norm_backward, linear, linear_backward, times,
};

/// c = alpha a b + beta c: [`matmul::plain`](stage02_attention::matmul::plain), which is three
/// loops, or [`matmul::gemm`](stage02_attention::matmul::gemm), which gives the same table faster.
pub type Product<T> =
    fn(alpha: T, a: ArrayView2<T>, b: ArrayView2<T>, beta: T, c: &mut ArrayViewMut2<T>);

/// A GPT to be trained by plain loops.
pub struct Plain<'a, T> {
    /// The plan: where each layer's weights are.
    pub gpt: &'a Gpt,
    /// How many tokens a sequence has.
    pub length: usize,
    /// How two tables are multiplied.
    pub product: Product<T>,
}

/// What a forward pass leaves for the backward pass.
pub struct Activations<T> {
    blocks: Vec<BlockActivations<T>>,
    /// What leaves the last block. Shape: (rows, n_embd).
    x: Array2<T>,
    /// `x` behind the last layer norm. Shape: (rows, n_embd).
    normed: Array2<T>,
    /// A score for every possible next token. Shape: (rows, vocab_size).
    pub logits: Array2<T>,
}

/// What one block leaves for the backward pass. Shapes: (rows, n_embd), unless another is said.
struct BlockActivations<T> {
    x: Array2<T>,
    normed_1: Array2<T>,
    /// Queries, keys and values. Shape: (rows, 3 n_embd).
    qkv: Array2<T>,
    /// For each sequence and each head, who looks at whom. Shape: (length, length).
    att: Vec<Array2<T>>,
    /// What the heads found, side by side.
    y: Array2<T>,
    x1: Array2<T>,
    normed_2: Array2<T>,
    /// Before and after the bend. Shape: (rows, 4 n_embd).
    h: Array2<T>,
    g: Array2<T>,
}

impl<T: Float> Plain<'_, T> {
    /// One training step: forward, backward, clip, AdamW. Returns the mean loss before it.
    ///
    /// tokens, targets: one for each row, sequence after sequence; t: the number of the step,
    /// counted from 1; lr: its learning rate.
    pub fn step(
        &self,
        tokens: &[u32],
        targets: &[u32],
        (t, lr): (usize, f64),
        settings: &AdamW,
        weights: &mut Params<T>,
        moments: &mut Moments<T>,
    ) -> f64 {
        let layout = self.gpt.layout();
        let mut grads = Params::zeros(layout);
        let acts = self.forward(weights, tokens);
        let loss = self.backward(weights, tokens, targets, &acts, &mut grads);
        clip(settings, &mut grads);
        adamw(settings, t, lr, layout, weights, &grads, moments);
        loss
    }

    /// The logits of every row, and all that was computed on the way to them.
    pub fn forward(&self, params: &Params<T>, tokens: &[u32]) -> Activations<T> {
        let Gpt { wte, wpe, ln_f, .. } = self.gpt;
        // ANCHOR: forward_in_short
        let mut x = embed([wte, wpe], params, tokens, self.length);
        let mut blocks = Vec::new();
        for block in &self.gpt.blocks {
            let (acts, x2) = self.block(block, params, x);
            blocks.push(acts);
            x = x2;
        }
        let normed = layer_norm(ln_f, params, &x);
        let logits = times(self.product, T::one(), normed.view(), params.matrix(wte.weight).t());
        // ANCHOR_END: forward_in_short
        Activations { blocks, x, normed, logits }
    }

    /// The mean loss; its gradient for every weight is added to `grads`.
    pub fn backward(
        &self,
        params: &Params<T>,
        tokens: &[u32],
        targets: &[u32],
        acts: &Activations<T>,
        grads: &mut Params<T>,
    ) -> f64 {
        let Gpt { wte, wpe, ln_f, .. } = self.gpt;
        let rows = targets.len() as f64;
        let (sum, dlogits) = cross_entropy(&acts.logits, targets, T::of(1.0 / rows));

        // logits = normed wte'
        let dnormed = times(self.product, T::one(), dlogits.view(), params.matrix(wte.weight));
        let mut dwte = grads.matrix_mut(wte.weight);
        (self.product)(T::one(), dlogits.t(), acts.normed.view(), T::one(), &mut dwte);

        let mut dx = layer_norm_backward(ln_f, params, &acts.x, &dnormed, grads);
        for (block, acts) in self.gpt.blocks.iter().zip(&acts.blocks).rev() {
            dx = self.block_backward(block, params, acts, dx, grads);
        }
        embed_backward([wte, wpe], tokens, self.length, &dx, grads);
        sum / rows
    }

    /// x1 = x + c_proj(heads(c_attn(ln_1(x))));  x2 = x1 + c_proj(gelu(c_fc(ln_2(x1)))).
    ///
    /// x, x2: (rows, n_embd).
    fn block(
        &self,
        block: &Block,
        params: &Params<T>,
        x: Array2<T>,
    ) -> (BlockActivations<T>, Array2<T>) {
        let normed_1 = layer_norm(&block.ln_1, params, &x);
        let qkv = linear(self.product, &block.attn.c_attn, params, &normed_1);
        let (mut att, mut y) = (Vec::new(), Array2::zeros(x.raw_dim()));
        for (rows, columns) in self.heads(block, x.nrows()) {
            let qkv = columns.clone().map(|columns| qkv.slice(s![rows.clone(), columns]));
            let (shares, found) = attention(self.product, qkv);
            // A head's part of y has the place of its queries.
            y.slice_mut(s![rows, columns[0].clone()]).assign(&found);
            att.push(shares);
        }
        let x1 = &x + &linear(self.product, &block.attn.c_proj, params, &y);

        let normed_2 = layer_norm(&block.ln_2, params, &x1);
        let h = linear(self.product, &block.mlp.c_fc, params, &normed_2);
        let g = h.mapv(gelu);
        let x2 = &x1 + &linear(self.product, &block.mlp.c_proj, params, &g);
        (BlockActivations { x, normed_1, qkv, att, y, x1, normed_2, h, g }, x2)
    }

    /// The gradient of a block's x from the gradient of its x2, the lines of `block` from the
    /// last to the first. A plus sign lets the gradient pass to both of its sides.
    fn block_backward(
        &self,
        block: &Block,
        params: &Params<T>,
        acts: &BlockActivations<T>,
        dx2: Array2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let Block { ln_1, attn, ln_2, mlp, .. } = block;
        let dg = linear_backward(self.product, &mlp.c_proj, params, &acts.g, &dx2, grads);
        let dh = dg * acts.h.mapv(gelu_derivative);
        let dnormed = linear_backward(self.product, &mlp.c_fc, params, &acts.normed_2, &dh, grads);
        let dx1 = dx2 + layer_norm_backward(ln_2, params, &acts.x1, &dnormed, grads);

        let dy = linear_backward(self.product, &attn.c_proj, params, &acts.y, &dx1, grads);
        let mut dqkv = Array2::zeros(acts.qkv.raw_dim());
        for ((rows, columns), att) in self.heads(block, dy.nrows()).zip(&acts.att) {
            let qkv = columns.clone().map(|columns| acts.qkv.slice(s![rows.clone(), columns]));
            let dy = dy.slice(s![rows.clone(), columns[0].clone()]);
            let gradients = attention_backward(self.product, qkv, att, dy);
            for (columns, gradient) in columns.into_iter().zip(gradients) {
                dqkv.slice_mut(s![rows.clone(), columns]).assign(&gradient);
            }
        }
        let dnormed =
            linear_backward(self.product, &attn.c_attn, params, &acts.normed_1, &dqkv, grads);
        dx1 + layer_norm_backward(ln_1, params, &acts.x, &dnormed, grads)
    }

    /// For each sequence and each head: its rows, and its columns of queries, keys and values.
    fn heads(
        &self,
        block: &Block,
        rows: usize,
    ) -> impl Iterator<Item = (Range<usize>, [Range<usize>; 3])> {
        let (length, attn, n_head) = (self.length, block.attn, self.gpt.config().n_head);
        let sequences = (0..rows).step_by(length);
        sequences.flat_map(move |b| (0..n_head).map(move |h| (b..b + length, attn.columns(h))))
    }
}

/// Shortens the gradient to `grad_clip` if it is longer.
pub fn clip<T: Float>(settings: &AdamW, grads: &mut Params<T>) {
    // ANCHOR: clip
    let norm = grads.values.iter().map(|g| g.f64() * g.f64()).sum::<f64>().sqrt();
    let factor = T::of(settings.clip_factor(norm));
    grads.values.iter_mut().for_each(|g| *g *= factor);
    // ANCHOR_END: clip
}

/// One step of AdamW: the equations of [`crate::adamw`] as they stand.
///
/// t: the number of the step, counted from 1; lr: its learning rate.
pub fn adamw<T: Float>(
    settings: &AdamW,
    t: usize,
    lr: f64,
    layout: &Layout,
    weights: &mut Params<T>,
    gradient: &Params<T>,
    moments: &mut Moments<T>,
) {
    let AdamW { beta1, beta2, eps, weight_decay, .. } = *settings;
    // ANCHOR: corrections
    let [c1, c2] = [beta1, beta2].map(|beta| T::of(1.0 - beta.powi(t as i32)));
    // ANCHOR_END: corrections
    let [beta1, beta2, eps, lr] = [beta1, beta2, eps, lr].map(T::of);
    for tensor in layout.tensors() {
        let decay = T::of(if tensor.decay { weight_decay } else { 0.0 });
        // ANCHOR: adamw
        for i in tensor.range() {
            let (w, g) = (&mut weights.values[i], gradient.values[i]);
            let (m, v) = (&mut moments.m.values[i], &mut moments.v.values[i]);
            *m = beta1 * *m + (T::one() - beta1) * g;
            *v = beta2 * *v + (T::one() - beta2) * g * g;
            *w -= lr * decay * *w;
            *w -= lr * (*m / c1) / ((*v / c2).sqrt() + eps);
            // ANCHOR_END: adamw
        }
    }
}

#[cfg(test)]
mod tests;
