//! A GPT made of parts: its forward and its backward pass.
//!
//! What the exercises ask for is called; what is left is the wiring. It is here: which tensor
//! belongs to which layer, and what the forward pass keeps for the backward pass.
//!
//! All weights lie in one vector, in the order of stage 3's layout, so that both models can be held
//! to each other. Letters in the shapes: B sequences of T tokens; C = n_embd; V = vocab_size.

use std::cell::RefCell;

use ndarray::{Array1, Array2, Axis, concatenate, s};
use stage02_attention::params::Tensor;
use stage03_gpt::gpt::Gpt;

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
    qkv: Array2<f64>,
    att: Vec<Array2<f64>>,
    heads: Array2<f64>,
    ln_2: Array2<f64>,
    c_fc: Array2<f64>,
    gelu: Array2<f64>,
    c_proj: Array2<f64>,
}

impl Model<'_> {
    pub(super) fn tensor(&self, name: &str) -> &Tensor {
        let tensors = self.gpt.layout().tensors();
        tensors.iter().find(|t| t.name == name).expect("a tensor of the architecture")
    }

    /// A matrix of the weights.
    pub(super) fn matrix(&self, weights: &[f64], name: &str) -> Array2<f64> {
        let tensor = self.tensor(name);
        let values = weights[tensor.range()].to_vec();
        Array2::from_shape_vec((tensor.shape[0], tensor.shape[1]), values).expect("its shape")
    }

    /// A vector of the weights.
    pub(super) fn vector(&self, weights: &[f64], name: &str) -> Array1<f64> {
        Array1::from(weights[self.tensor(name).range()].to_vec())
    }

    pub(super) fn linear(&self, weights: &[f64], name: &str, x: &Array2<f64>) -> Array2<f64> {
        let w = self.matrix(weights, &format!("{name}.weight"));
        let b = self.vector(weights, &format!("{name}.bias"));
        (self.parts.linear)(x, &w, &b)
    }

    fn linear_backward(
        &self,
        weights: &[f64],
        grads: &RefCell<&mut [f64]>,
        name: &str,
        x: &Array2<f64>,
        dy: &Array2<f64>,
    ) -> Array2<f64> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let mut grads = grads.borrow_mut();
        let (mut dw, mut db) = (self.matrix(&grads, &weight), self.vector(&grads, &bias));
        let w = self.matrix(weights, &weight);
        let dx = (self.parts.linear_backward)(x, &w, dy, &mut dw, &mut db);
        self.store(&mut grads, &weight, dw.iter());
        self.store(&mut grads, &bias, db.iter());
        dx
    }

    pub(super) fn norm(&self, weights: &[f64], name: &str, x: &Array2<f64>) -> Array2<f64> {
        let gamma = self.vector(weights, &format!("{name}.weight"));
        let beta = self.vector(weights, &format!("{name}.bias"));
        (self.parts.layer_norm)(x, &gamma, &beta)
    }

    fn norm_backward(
        &self,
        weights: &[f64],
        grads: &RefCell<&mut [f64]>,
        name: &str,
        x: &Array2<f64>,
        dy: &Array2<f64>,
    ) -> Array2<f64> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let mut grads = grads.borrow_mut();
        let (mut dgamma, mut dbeta) = (self.vector(&grads, &weight), self.vector(&grads, &bias));
        let gamma = self.vector(weights, &weight);
        let dx = (self.parts.layer_norm_backward)(x, &gamma, dy, &mut dgamma, &mut dbeta);
        self.store(&mut grads, &weight, dgamma.iter());
        self.store(&mut grads, &bias, dbeta.iter());
        dx
    }

    fn store<'v>(&self, grads: &mut [f64], name: &str, values: impl Iterator<Item = &'v f64>) {
        for (grad, &value) in grads[self.tensor(name).range()].iter_mut().zip(values) {
            *grad = value;
        }
    }

    /// The logits of the next token at every position. tokens: (B T).
    pub fn forward(&self, weights: &[f64], tokens: &[u32], length: usize) -> Activations {
        let wte = self.matrix(weights, "wte.weight");
        let wpe = self.matrix(weights, "wpe.weight");
        let mut x = (self.parts.embed)(&wte, &wpe, tokens, length);
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
        let BlockActivations { ln_1, attn, qkv, att, heads, ln_2, c_fc, gelu, c_proj } = &mut acts;
        let name = |layer: &str| format!("h.{l}.{layer}");
        let y = (self.parts.block)(
            x,
            &mut |x| {
                *ln_1 = x.clone();
                self.norm(weights, &name("ln_1"), x)
            },
            &mut |x| {
                *attn = x.clone();
                *qkv = self.linear(weights, &name("attn.c_attn"), x);
                (*att, *heads) = self.attend(qkv, length);
                self.linear(weights, &name("attn.c_proj"), heads)
            },
            &mut |x| {
                *ln_2 = x.clone();
                self.norm(weights, &name("ln_2"), x)
            },
            &mut |x| {
                *c_fc = x.clone();
                *gelu = self.linear(weights, &name("mlp.c_fc"), x);
                *c_proj = gelu.mapv(self.parts.gelu);
                self.linear(weights, &name("mlp.c_proj"), c_proj)
            },
        );
        (acts, y)
    }

    /// Attention of every head of every sequence. Returns the attention weights, sequence by
    /// sequence and head by head, and the results side by side. qkv: (B T, 3 C); result: (B T, C).
    fn attend(&self, qkv: &Array2<f64>, length: usize) -> (Vec<Array2<f64>>, Array2<f64>) {
        let (n_head, mut att, mut sequences) = (self.gpt.config().n_head, Vec::new(), Vec::new());
        for qkv in qkv.axis_chunks_iter(Axis(0), length) {
            let (qkv, mut results) = (qkv.to_owned(), Vec::new());
            for h in 0..n_head {
                let [q, k, v] = (self.parts.head)(&qkv, n_head, h);
                let (weights, y) = (self.parts.attention)(&q, &k, &v);
                att.push(weights);
                results.push(y);
            }
            sequences.push((self.parts.join)(&results));
        }
        (att, stacked(&sequences))
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
        let mut dwpe = self.matrix(&grads, "wpe.weight");
        (self.parts.embed_backward)(tokens, length, &dx, &mut dwte, &mut dwpe);
        self.store(&mut grads, "wte.weight", dwte.iter());
        self.store(&mut grads, "wpe.weight", dwpe.iter());
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
                let dheads = self.linear_backward(weights, grads, &c_proj, &acts.heads, dy);
                let dqkv = self.attend_backward(acts, &dheads, length);
                let c_attn = name("attn.c_attn");
                self.linear_backward(weights, grads, &c_attn, &acts.attn, &dqkv)
            },
            &mut |dy| self.norm_backward(weights, grads, &name("ln_2"), &acts.ln_2, dy),
            &mut |dy| {
                let c_proj = name("mlp.c_proj");
                let dg = self.linear_backward(weights, grads, &c_proj, &acts.c_proj, dy);
                let dh = dg * acts.gelu.mapv(self.parts.gelu_derivative);
                self.linear_backward(weights, grads, &name("mlp.c_fc"), &acts.c_fc, &dh)
            },
        )
    }

    fn attend_backward(
        &self,
        acts: &BlockActivations,
        dheads: &Array2<f64>,
        length: usize,
    ) -> Array2<f64> {
        let (n_head, c) = (self.gpt.config().n_head, dheads.ncols());
        let size = c / n_head;
        let mut dqkv = Array2::zeros((dheads.nrows(), 3 * c));
        for (i, att) in acts.att.iter().enumerate() {
            let (b, h) = (i / n_head, i % n_head);
            let rows = b * length..(b + 1) * length;
            let qkv = acts.qkv.slice(s![rows.clone(), ..]).to_owned();
            let [q, k, v] = (self.parts.head)(&qkv, n_head, h);
            let dy = dheads.slice(s![rows.clone(), h * size..(h + 1) * size]).to_owned();
            let gradients = (self.parts.attention_backward)(&q, &k, &v, att, &dy);
            for (which, gradient) in gradients.iter().enumerate() {
                let first = which * c + h * size;
                dqkv.slice_mut(s![rows.clone(), first..first + size]).assign(gradient);
            }
        }
        dqkv
    }
}

/// Matrices with the same columns, one under another.
fn stacked(parts: &[Array2<f64>]) -> Array2<f64> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    concatenate(Axis(0), &views).expect("the same number of columns")
}
