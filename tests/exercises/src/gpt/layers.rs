//! The layers of a GPT, forward and backward: where GPT-2 and the models of today differ.
//!
//! The architecture names four parts, and each is looked up where it is used: the norm, the
//! positions, the feed-forward layer, and which keys and values a head reads. Where an architecture
//! lacks a tensor, the parts get zeros in its place: a layer without biases has biases of zero, and
//! a model with rotated queries and keys a position table of zeros.
//!
//! Letters in the shapes: T tokens of one sequence; C = n_embd; d = C / n_head.

use std::cell::RefCell;

use ndarray::{Array1, Array2, Axis, concatenate, s};
use stage02_attention::params::Tensor;
use stage03_gpt::architecture::{Architecture, MlpKind, NormKind, Positions};

use super::model::Model;

/// What the feed-forward layer keeps for its backward pass.
#[derive(Default)]
pub struct MlpActivations {
    x: Array2<f64>,
    /// What the activation function is applied to.
    gate: Array2<f64>,
    /// What is multiplied by it. SwiGLU's alone.
    up: Array2<f64>,
    hidden: Array2<f64>,
}

impl Model<'_> {
    pub(super) fn arch(&self) -> Architecture {
        self.gpt.config().arch
    }

    /// A tensor, where the architecture has it.
    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.gpt.layout().tensors().iter().find(|t| t.name == name)
    }

    /// A matrix of the weights.
    pub(super) fn matrix(&self, weights: &[f64], name: &str) -> Array2<f64> {
        let tensor = self.tensor(name).expect("a tensor of the architecture");
        let values = weights[tensor.range()].to_vec();
        Array2::from_shape_vec((tensor.shape[0], tensor.shape[1]), values).expect("its shape")
    }

    /// A vector of the weights; zeros where the architecture has none of that name.
    fn vector(&self, weights: &[f64], name: &str, len: usize) -> Array1<f64> {
        let values = |tensor: &Tensor| Array1::from(weights[tensor.range()].to_vec());
        self.tensor(name).map_or_else(|| Array1::zeros(len), values)
    }

    /// The position table. Shape: (block_size, C).
    pub(super) fn positions(&self, weights: &[f64]) -> Array2<f64> {
        let config = self.gpt.config();
        match config.arch.positions {
            Positions::Learned => self.matrix(weights, "wpe.weight"),
            Positions::Rotary(_) => Array2::zeros((config.block_size, config.n_embd)),
        }
    }

    /// Writes a gradient to its place, where the architecture has such a tensor.
    pub(super) fn store<'v>(
        &self,
        grads: &mut [f64],
        name: &str,
        values: impl IntoIterator<Item = &'v f64>,
    ) {
        let Some(tensor) = self.tensor(name) else { return };
        for (grad, &value) in grads[tensor.range()].iter_mut().zip(values) {
            *grad = value;
        }
    }

    pub(super) fn linear(&self, weights: &[f64], name: &str, x: &Array2<f64>) -> Array2<f64> {
        let w = self.matrix(weights, &format!("{name}.weight"));
        let b = self.vector(weights, &format!("{name}.bias"), w.ncols());
        (self.parts.linear)(x, &w, &b)
    }

    pub(super) fn linear_backward(
        &self,
        weights: &[f64],
        grads: &RefCell<&mut [f64]>,
        name: &str,
        x: &Array2<f64>,
        dy: &Array2<f64>,
    ) -> Array2<f64> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let mut grads = grads.borrow_mut();
        let w = self.matrix(weights, &weight);
        let mut dw = self.matrix(&grads, &weight);
        let mut db = self.vector(&grads, &bias, w.ncols());
        let dx = (self.parts.linear_backward)(x, &w, dy, &mut dw, &mut db);
        self.store(&mut grads, &weight, &dw);
        self.store(&mut grads, &bias, &db);
        dx
    }

    /// Layer norm or RMSNorm.
    pub(super) fn norm(&self, weights: &[f64], name: &str, x: &Array2<f64>) -> Array2<f64> {
        let gamma = self.vector(weights, &format!("{name}.weight"), x.ncols());
        let beta = self.vector(weights, &format!("{name}.bias"), x.ncols());
        match self.arch().norm {
            NormKind::LayerNorm => (self.parts.layer_norm)(x, &gamma, &beta),
            NormKind::RmsNorm { .. } => (self.parts.today.rms_norm)(x, &gamma),
        }
    }

    pub(super) fn norm_backward(
        &self,
        weights: &[f64],
        grads: &RefCell<&mut [f64]>,
        name: &str,
        x: &Array2<f64>,
        dy: &Array2<f64>,
    ) -> Array2<f64> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let mut grads = grads.borrow_mut();
        let gamma = self.vector(weights, &weight, x.ncols());
        let mut dgamma = self.vector(&grads, &weight, x.ncols());
        let mut dbeta = self.vector(&grads, &bias, x.ncols());
        let dx = match self.arch().norm {
            NormKind::LayerNorm => {
                (self.parts.layer_norm_backward)(x, &gamma, dy, &mut dgamma, &mut dbeta)
            }
            NormKind::RmsNorm { .. } => {
                (self.parts.today.rms_norm_backward)(x, &gamma, dy, &mut dgamma)
            }
        };
        self.store(&mut grads, &weight, &dgamma);
        self.store(&mut grads, &bias, &dbeta);
        dx
    }

    /// The feed-forward layer of block `l`: two matrices around GELU, or SwiGLU's three.
    pub(super) fn mlp(
        &self,
        weights: &[f64],
        l: usize,
        x: &Array2<f64>,
        acts: &mut MlpActivations,
    ) -> Array2<f64> {
        let linear = |name: &str, x| self.linear(weights, &format!("h.{l}.mlp.{name}"), x);
        acts.x = x.clone();
        match self.arch().mlp {
            MlpKind::Gelu => {
                acts.gate = linear("c_fc", x);
                acts.hidden = acts.gate.mapv(self.parts.gelu);
                linear("c_proj", &acts.hidden)
            }
            MlpKind::SwiGlu => {
                (acts.gate, acts.up) = (linear("gate_proj", x), linear("up_proj", x));
                acts.hidden = (self.parts.today.gated)(&acts.gate, &acts.up);
                linear("down_proj", &acts.hidden)
            }
        }
    }

    pub(super) fn mlp_backward(
        &self,
        weights: &[f64],
        grads: &RefCell<&mut [f64]>,
        l: usize,
        acts: &MlpActivations,
        dy: &Array2<f64>,
    ) -> Array2<f64> {
        let linear_backward = |name: &str, x, dy| {
            self.linear_backward(weights, grads, &format!("h.{l}.mlp.{name}"), x, dy)
        };
        let MlpActivations { x, gate, up, hidden } = acts;
        match self.arch().mlp {
            MlpKind::Gelu => {
                let dhidden = linear_backward("c_proj", hidden, dy);
                let dgate = dhidden * gate.mapv(self.parts.gelu_derivative);
                linear_backward("c_fc", x, &dgate)
            }
            MlpKind::SwiGlu => {
                let dhidden = linear_backward("down_proj", hidden, dy);
                let [dgate, dup] = (self.parts.today.gated_backward)(gate, up, &dhidden);
                linear_backward("up_proj", x, &dup) + linear_backward("gate_proj", x, &dgate)
            }
        }
    }

    /// The key/value head that query head `h` reads: its own, unless heads share them.
    pub(super) fn reads(&self, h: usize) -> usize {
        let config = self.gpt.config();
        match config.arch.n_kv_head {
            None => h,
            Some(n_kv_head) => (self.parts.today.kv_head)(h, config.n_head, n_kv_head),
        }
    }

    /// Query, key and value of every query head, ready for attention.
    ///
    /// qkv: the result of `c_attn`, with the columns of all query heads, then those of all key heads,
    /// then those of all value heads; start: the position of its first row. Each result: (T, d).
    pub(super) fn heads(&self, qkv: &Array2<f64>, start: usize) -> Vec<[Array2<f64>; 3]> {
        let config = self.gpt.config();
        let (n_head, n_kv_head) = (config.n_head, config.n_kv_head());
        let d = config.n_embd / n_head;
        // A copy of the keys and values for every query head that reads them.
        let read = |first: usize| (0..n_head).map(move |h| first + self.reads(h));
        let all = (0..n_head).chain(read(n_head)).chain(read(n_head + n_kv_head));
        let columns: Vec<_> = all.map(|i| qkv.slice(s![.., i * d..(i + 1) * d])).collect();
        let qkv = concatenate(Axis(1), &columns).expect("the same number of rows");
        let head = |h| {
            let [q, k, v] = (self.parts.head)(&qkv, n_head, h);
            match config.arch.positions {
                Positions::Learned => [q, k, v],
                Positions::Rotary(_) => {
                    let rotate = self.parts.today.rotate;
                    [rotate(&q, start), rotate(&k, start), v]
                }
            }
        };
        (0..n_head).map(head).collect()
    }

    /// The gradient of qkv, from those of the query, key and value of every query head of a sequence
    /// that begins at position 0.
    pub(super) fn heads_backward(&self, gradients: Vec<[Array2<f64>; 3]>) -> Array2<f64> {
        let (arch, today) = (self.arch(), self.parts.today);
        let rotate_back = |gradient: Array2<f64>| match arch.positions {
            Positions::Learned => gradient,
            Positions::Rotary(_) => (today.rotate_backward)(&gradient, 0),
        };
        let add_groups = |gradients: Vec<Array2<f64>>| match arch.n_kv_head {
            None => gradients,
            Some(n_kv_head) => (today.add_groups)(&gradients, n_kv_head),
        };
        let (mut dq, mut dk, mut dv) = (Vec::new(), Vec::new(), Vec::new());
        for [q, k, v] in gradients {
            dq.push(rotate_back(q));
            dk.push(rotate_back(k));
            dv.push(v);
        }
        (self.parts.join)(&[dq, add_groups(dk), add_groups(dv)].concat())
    }
}
