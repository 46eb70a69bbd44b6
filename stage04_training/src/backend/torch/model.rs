//! The forward pass of stage 3's GPT in the operations of libtorch.
//!
//! There is no backward pass here: libtorch records every operation and differentiates the record
//! (automatic differentiation). Stage 3 has the backward pass of each line.
//!
//! Precision follows PyTorch's autocast: linear layers and attention take the precision of their
//! weights; the residual stream, layer norms and softmax are f32.

use stage02_attention::params::Layout;
use stage03_gpt::config::GptConfig;
use tch::{Kind, Tensor};

use super::Torch;

/// The architecture of a model: the index of each of its tensors among the leaves.
pub(super) struct Model {
    config: GptConfig,
    pub wte: usize,
    wpe: usize,
    blocks: Vec<Block>,
    ln_f: Norm,
    /// Whether attention is one fused operation or the five of its equation.
    fused: bool,
}

struct Block {
    ln_1: Norm,
    c_attn: Linear,
    attn_proj: Linear,
    ln_2: Norm,
    c_fc: Linear,
    mlp_proj: Linear,
}

struct Norm {
    weight: usize,
    bias: Option<usize>,
}

struct Linear {
    weight: usize,
    bias: Option<usize>,
}

/// Whether a tensor belongs to a linear layer, whose products may be rounded. The token embeddings
/// are also the output layer, but as embeddings they are read in full precision.
pub(super) fn is_linear(name: &str) -> bool {
    name.contains(".c_")
}

impl Model {
    /// Finds the tensors of a model by their names.
    pub fn new(config: &GptConfig, layout: &Layout, fused: bool) -> Self {
        let find = |name: &str| layout.tensors().iter().position(|t| t.name == name);
        let must = |name: &str| find(name).unwrap_or_else(|| panic!("a GPT has a tensor {name}"));
        let pair = |name: &str| (must(&format!("{name}.weight")), find(&format!("{name}.bias")));
        let norm = |name: &str| {
            let (weight, bias) = pair(name);
            Norm { weight, bias }
        };
        let linear = |name: &str| {
            let (weight, bias) = pair(name);
            Linear { weight, bias }
        };
        let block = |i| Block {
            ln_1: norm(&format!("h.{i}.ln_1")),
            c_attn: linear(&format!("h.{i}.attn.c_attn")),
            attn_proj: linear(&format!("h.{i}.attn.c_proj")),
            ln_2: norm(&format!("h.{i}.ln_2")),
            c_fc: linear(&format!("h.{i}.mlp.c_fc")),
            mlp_proj: linear(&format!("h.{i}.mlp.c_proj")),
        };
        Model {
            config: config.clone(),
            wte: must("wte.weight"),
            wpe: must("wpe.weight"),
            blocks: (0..config.n_layer).map(block).collect(),
            ln_f: norm("ln_f"),
            fused,
        }
    }

    // ANCHOR: forward
    /// The hidden states of all tokens after the last norm, the input of the output layer. Shape:
    /// (batch * length, n_embd), f32.
    ///
    /// w: the tensors in the order of the layout; tokens: (batch, length); dropout: the dropout
    /// probability, 0 outside training.
    pub fn forward(&self, w: &[Tensor], tokens: &Tensor, dropout: f64) -> Torch<Tensor> {
        let (_, length) = tokens.size2()?;
        let n_embd = self.config.n_embd as i64;
        let token = Tensor::f_embedding(&w[self.wte], tokens, -1, false, false)?;
        let position = w[self.wpe].f_narrow(0, 0, length)?;
        let x = token.f_add(&position)?.f_view([-1, n_embd])?;
        let mut x = apply_dropout(x, dropout)?;
        for block in &self.blocks {
            let normed = block.ln_1.forward(w, &x)?;
            let y = self.attention(block, w, &normed, length, dropout)?;
            x = x.f_add(&apply_dropout(y, dropout)?)?;

            let normed = block.ln_2.forward(w, &x)?;
            let hidden = block.c_fc.forward(w, &normed)?.f_gelu("tanh")?;
            let y = block.mlp_proj.forward(w, &hidden)?;
            x = x.f_add(&apply_dropout(y, dropout)?)?;
        }
        self.ln_f.forward(w, &x)
    }
    // ANCHOR_END: forward

    // ANCHOR: attention
    /// Causal multi-head attention. x, result: (batch * length, n_embd).
    fn attention(
        &self,
        block: &Block,
        w: &[Tensor],
        x: &Tensor,
        length: i64,
        dropout: f64,
    ) -> Torch<Tensor> {
        let [n_embd, n_head] = [self.config.n_embd, self.config.n_head].map(|n| n as i64);
        let qkv = block.c_attn.forward(w, x)?.f_view([-1, length, 3 * n_embd])?;
        // Each: (batch, n_head, length, n_embd / n_head).
        let heads =
            |part: &Tensor| part.f_view([-1, length, n_head, n_embd / n_head])?.f_transpose(1, 2);
        let parts = qkv.f_split(n_embd, 2)?;
        let [q, k, v] = [heads(&parts[0])?, heads(&parts[1])?, heads(&parts[2])?];
        let y = if self.fused {
            let no_mask = None::<&Tensor>;
            Tensor::f_scaled_dot_product_attention(&q, &k, &v, no_mask, dropout, true, None, false)?
        } else {
            plain_attention(&q, &k, &v, dropout)?
        };
        let y = y.f_transpose(1, 2)?.f_reshape([-1, n_embd])?;
        block.attn_proj.forward(w, &y)
    }
    // ANCHOR_END: attention
}

/// Scaled dot-product attention by its equation, with the matrix of all attention weights in
/// memory.
fn plain_attention(q: &Tensor, k: &Tensor, v: &Tensor, dropout: f64) -> Torch<Tensor> {
    let (_, _, length, size) = q.size4()?;
    let scores = q.f_matmul(&k.f_transpose(2, 3)?)?.f_mul_scalar(1.0 / (size as f64).sqrt())?;
    let later = Tensor::f_ones([length, length], (Kind::Bool, q.device()))?.f_triu(1)?;
    let att = scores.f_masked_fill(&later, f64::NEG_INFINITY)?.f_softmax(-1, Kind::Float)?;
    apply_dropout(att, dropout)?.f_to_kind(v.f_kind()?)?.f_matmul(v)
}

impl Norm {
    fn forward(&self, w: &[Tensor], x: &Tensor) -> Torch<Tensor> {
        let weight = &w[self.weight];
        x.f_layer_norm(weight.size(), Some(weight), self.bias.map(|i| &w[i]), 1e-5, true)
    }
}

impl Linear {
    /// y = x W + b, in the precision of W.
    fn forward(&self, w: &[Tensor], x: &Tensor) -> Torch<Tensor> {
        let weight = &w[self.weight];
        let x = x.f_to_kind(weight.f_kind()?)?;
        match self.bias {
            Some(bias) => w[bias].f_addmm(&x, weight),
            None => x.f_mm(weight),
        }
    }
}

/// Dropout, if the probability is above 0.
fn apply_dropout(x: Tensor, probability: f64) -> Torch<Tensor> {
    if probability > 0.0 { x.f_dropout(probability, true) } else { Ok(x) }
}
