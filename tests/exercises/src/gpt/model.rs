//! A GPT made of parts: its forward and its backward pass.
//!
//! What the exercises ask for is called; what is left is the wiring. It is here: a block with named
//! layers, the order of the blocks, and what the forward pass keeps for the backward pass. Which
//! part a layer is, in GPT-2 and in models of today, is in `layers.rs`.
//!
//! All weights lie in one vector, in the order of stage 3's layout, so that both models can be held
//! to each other. Letters in the shapes: B sequences of T tokens; C = n_embd; V = vocab_size.

use std::cell::RefCell;

use ndarray::{Array1, Array2, Axis, concatenate, s};
use stage03_gpt::gpt::Gpt;

use super::layers::MlpActivations;
use super::parts::Parts;

/// A GPT: the parts that compute, and the architecture.
pub struct Model<'a> {
    /// The functions that it is made of.
    pub parts: Parts,
    /// Its sizes, and where its tensors lie in the vector of all weights.
    pub gpt: &'a Gpt,
}

/// What the forward pass keeps.
pub struct Activations {
    blocks: Vec<BlockActivations>,
    /// The residual stream behind the last block. Shape: (B T, C).
    x: Array2<f64>,
    normed: Array2<f64>,
    /// Shape: (B T, V).
    pub logits: Array2<f64>,
}

/// What one block keeps: the inputs of its layers, and the attention weights.
#[derive(Default)]
struct BlockActivations {
    ln_1: Array2<f64>,
    attn: Array2<f64>,
    /// Query, key and value, sequence by sequence and head by head.
    heads: Vec<[Array2<f64>; 3]>,
    att: Vec<Array2<f64>>,
    c_proj: Array2<f64>,
    ln_2: Array2<f64>,
    mlp: MlpActivations,
}

/// Queries, keys and values; attention weights; results.
type Attended = (Vec<[Array2<f64>; 3]>, Vec<Array2<f64>>, Array2<f64>);

impl Model<'_> {
    /// The logits of the next token at every position. tokens: (B T).
    pub fn forward(&self, weights: &[f64], tokens: &[u32], length: usize) -> Activations {
        let wte = self.matrix(weights, "wte.weight");
        let mut x = (self.parts.embed)(&wte, &self.positions(weights), tokens, length);
        let mut blocks = Vec::new();
        for l in 0..self.gpt.config().n_layer {
            let (acts, y) = self.block(weights, l, &x, length);
            blocks.push(acts);
            x = y;
        }
        let normed = self.norm(weights, "ln_f", &x);
        let logits = normed.dot(&wte.t());
        Activations { blocks, x, normed, logits }
    }

    fn block(
        &self,
        weights: &[f64],
        l: usize,
        x: &Array2<f64>,
        length: usize,
    ) -> (BlockActivations, Array2<f64>) {
        let mut acts = BlockActivations::default();
        let BlockActivations { ln_1, attn, heads, att, c_proj, ln_2, mlp } = &mut acts;
        let name = |layer: &str| format!("h.{l}.{layer}");
        let y = (self.parts.block)(
            x,
            &mut |x| {
                *ln_1 = x.clone();
                self.norm(weights, &name("ln_1"), x)
            },
            &mut |x| {
                *attn = x.clone();
                let qkv = self.linear(weights, &name("attn.c_attn"), x);
                (*heads, *att, *c_proj) = self.attend(&qkv, length);
                self.linear(weights, &name("attn.c_proj"), c_proj)
            },
            &mut |x| {
                *ln_2 = x.clone();
                self.norm(weights, &name("ln_2"), x)
            },
            &mut |x| self.mlp(weights, l, x, mlp),
        );
        (acts, y)
    }

    /// Attention of every head of every sequence. Returns queries, keys and values and the attention
    /// weights, sequence by sequence and head by head, and the results side by side.
    /// qkv: the result of `c_attn`, with B T rows; result: (B T, C).
    fn attend(&self, qkv: &Array2<f64>, length: usize) -> Attended {
        let (mut heads, mut att, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
        for qkv in qkv.axis_chunks_iter(Axis(0), length) {
            let mut results = Vec::new();
            for [q, k, v] in self.heads(&qkv.to_owned(), 0) {
                let (weights, y) = (self.parts.attention)(&q, &k, &v);
                heads.push([q, k, v]);
                att.push(weights);
                results.push(y);
            }
            sequences.push((self.parts.join)(&results));
        }
        (heads, att, stacked(&sequences))
    }

    /// The mean loss of a batch. Adds the gradient of `scale` times it to `grads`.
    pub fn backward(
        &self,
        weights: &[f64],
        tokens: &[u32],
        targets: &[u32],
        acts: &Activations,
        scale: f64,
        grads: &mut [f64],
    ) -> f64 {
        let n = targets.len() as f64;
        let length = tokens.len() / self.batch(acts);
        let mut loss = 0.0;
        let mut dlogits = acts.logits.clone();
        for (mut row, &target) in dlogits.rows_mut().into_iter().zip(targets) {
            let logits = row.to_vec();
            loss += (self.parts.cross_entropy)(&logits, target) / n;
            let d = (self.parts.cross_entropy_backward)(&logits, target);
            row.assign(&(Array1::from(d) * (scale / n)));
        }
        let wte = self.matrix(weights, "wte.weight");
        let grads = RefCell::new(grads);
        let dnormed = dlogits.dot(&wte);
        let mut dx = self.norm_backward(weights, &grads, "ln_f", &acts.x, &dnormed);
        for (l, acts) in acts.blocks.iter().enumerate().rev() {
            dx = self.block_backward(weights, &grads, l, acts, &dx, length);
        }
        let mut grads = grads.borrow_mut();
        // The embedding of a token is also its row of the output layer: two gradients are added.
        let mut dwte = self.matrix(&grads, "wte.weight") + dlogits.t().dot(&acts.normed);
        let mut dwpe = self.positions(&grads);
        (self.parts.embed_backward)(tokens, length, &dx, &mut dwte, &mut dwpe);
        self.store(&mut grads, "wte.weight", &dwte);
        self.store(&mut grads, "wpe.weight", &dwpe);
        loss
    }

    /// B: how many sequences were read.
    fn batch(&self, acts: &Activations) -> usize {
        acts.blocks[0].att.len() / self.gpt.config().n_head
    }

    fn block_backward(
        &self,
        weights: &[f64],
        grads: &RefCell<&mut [f64]>,
        l: usize,
        acts: &BlockActivations,
        dy: &Array2<f64>,
        length: usize,
    ) -> Array2<f64> {
        let name = |layer: &str| format!("h.{l}.{layer}");
        (self.parts.block_backward)(
            dy,
            &mut |dy| self.norm_backward(weights, grads, &name("ln_1"), &acts.ln_1, dy),
            &mut |dy| {
                let c_proj = name("attn.c_proj");
                let dresults = self.linear_backward(weights, grads, &c_proj, &acts.c_proj, dy);
                let dqkv = self.attend_backward(acts, &dresults, length);
                let c_attn = name("attn.c_attn");
                self.linear_backward(weights, grads, &c_attn, &acts.attn, &dqkv)
            },
            &mut |dy| self.norm_backward(weights, grads, &name("ln_2"), &acts.ln_2, dy),
            &mut |dy| self.mlp_backward(weights, grads, l, &acts.mlp, dy),
        )
    }

    fn attend_backward(
        &self,
        acts: &BlockActivations,
        dresults: &Array2<f64>,
        length: usize,
    ) -> Array2<f64> {
        let n_head = self.gpt.config().n_head;
        let size = dresults.ncols() / n_head;
        let mut sequences = Vec::new();
        for (b, dresults) in dresults.axis_chunks_iter(Axis(0), length).enumerate() {
            let gradient = |h: usize| {
                let ([q, k, v], att) = (&acts.heads[b * n_head + h], &acts.att[b * n_head + h]);
                let dy = dresults.slice(s![.., h * size..(h + 1) * size]).to_owned();
                (self.parts.attention_backward)(q, k, v, att, &dy)
            };
            sequences.push(self.heads_backward((0..n_head).map(gradient).collect()));
        }
        stacked(&sequences)
    }
}

/// Matrices with the same columns, one under another.
fn stacked(parts: &[Array2<f64>]) -> Array2<f64> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    concatenate(Axis(0), &views).expect("the same number of columns")
}
