//! The forward pass of stage 3's GPT in the operations of libtorch.
//!
//! There is no backward pass here: libtorch records every operation and differentiates the record
//! (automatic differentiation). Stage 3 has the backward pass of each line.
//!
//! Precision follows PyTorch's autocast: linear layers and attention take the precision of their
//! weights; the residual stream, norms, rotations and softmax are f32.
//!
//! Where models of today have other parts than GPT-2 (stage 3's `architecture`), the part decides: a
//! [`Norm`], an [`Mlp`], [`Angles`] or none. The forward pass is the same.
//!
//! What this file leaves out: the layers that have a file of their own (`linear`, `attention`,
//! `rotary`), and the output layer (`head`).

use stage02_attention::attention::rotary::Rope;
use stage02_attention::params::Layout;
use stage03_gpt::architecture::{MlpKind, NormKind};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora::sites;
use tch::{Device, Tensor};

use super::Torch;
use super::attention::{self, apply_dropout, document_mask};
use super::batch::Batch;
use super::linear::{Linear, find, weight_and_bias};
use super::rotary::Angles;

/// The architecture of a model: the index of each of its tensors among the leaves.
pub(super) struct Model {
    config: GptConfig,
    wte: usize,
    /// None where positions are rotations.
    wpe: Option<usize>,
    /// The rotations, where there are any.
    angles: Option<Angles>,
    blocks: Vec<Block>,
    ln_f: Norm,
    /// The output layer: `wte` again, or a matrix of its own. Shape: (vocab_size, n_embd). The forward
    /// pass ends before it; see `head`.
    pub lm_head: usize,
    /// Whether attention is one fused operation or the five of its equation.
    fused: bool,
    /// What is dropped in training.
    pub dropout: Dropout,
}

/// The probabilities of dropout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropout {
    /// Of the activations.
    pub activations: f64,
    /// Of the inputs of low-rank adapters.
    pub adapters: f64,
}

impl Dropout {
    /// Outside training.
    pub const NONE: Self = Dropout { activations: 0.0, adapters: 0.0 };

    /// Whether anything is ever dropped.
    pub fn is_active(self) -> bool {
        self.activations > 0.0 || self.adapters > 0.0
    }
}

/// What all layers read in one forward pass.
pub(super) struct Pass<'a> {
    /// The tensors in the order of the layout.
    pub w: &'a [Tensor],
    pub dropout: Dropout,
    length: i64,
    /// The rotations at the positions of the tokens.
    angles: Option<Angles>,
    /// What keeps the documents of a sequence apart, where there are several.
    mask: Option<Tensor>,
}

struct Block {
    ln_1: Norm,
    c_attn: Linear,
    attn_proj: Linear,
    ln_2: Norm,
    mlp: Mlp,
}

struct Norm {
    weight: usize,
    bias: Option<usize>,
    kind: NormKind,
}

/// The feed-forward layer.
enum Mlp {
    Gelu { c_fc: Linear, c_proj: Linear },
    SwiGlu { gate_proj: Linear, up_proj: Linear, down_proj: Linear },
}

impl Model {
    /// Finds the tensors of a model by their names, and computes its angles on the device.
    pub fn new(gpt: &Gpt, device: Device, fused: bool) -> Torch<Self> {
        let (config, layout, lora) = (gpt.config(), gpt.layout(), gpt.lora());
        let sites = sites(config);
        let block = |i| {
            // The number of the layer counts the linear layers of a block, as `sites` does.
            let linear = |number: usize, name| Linear::new(layout, i, name, &sites[number], lora);
            Block {
                ln_1: Norm::new(layout, &format!("h.{i}.ln_1"), config),
                c_attn: linear(0, "attn.c_attn"),
                attn_proj: linear(1, "attn.c_proj"),
                ln_2: Norm::new(layout, &format!("h.{i}.ln_2"), config),
                mlp: match config.arch.mlp {
                    MlpKind::Gelu => {
                        Mlp::Gelu { c_fc: linear(2, "mlp.c_fc"), c_proj: linear(3, "mlp.c_proj") }
                    }
                    MlpKind::SwiGlu => Mlp::SwiGlu {
                        gate_proj: linear(2, "mlp.gate_proj"),
                        up_proj: linear(3, "mlp.up_proj"),
                        down_proj: linear(4, "mlp.down_proj"),
                    },
                },
            }
        };
        let (wte, _) = weight_and_bias(layout, "wte");
        let size = config.n_embd / config.n_head;
        let angles = |rope: Rope| Angles::new(rope, config.block_size, size, device);
        Ok(Model {
            config: config.clone(),
            wte,
            wpe: find(layout, "wpe.weight"),
            angles: config.arch.rope().map(angles).transpose()?,
            blocks: (0..config.n_layer).map(block).collect(),
            ln_f: Norm::new(layout, "ln_f", config),
            lm_head: find(layout, "lm_head.weight").unwrap_or(wte),
            fused,
            dropout: Dropout {
                activations: config.dropout,
                adapters: lora.map_or(0.0, |lora| lora.dropout),
            },
        })
    }

    // ANCHOR: forward
    /// The hidden states of all tokens after the last norm, the input of the output layer. Shape:
    /// (batch * length, n_embd), f32.
    ///
    /// w: the tensors in the order of the layout; dropout: what is dropped, nothing outside training.
    pub fn forward(&self, w: &[Tensor], batch: &Batch, dropout: Dropout) -> Torch<Tensor> {
        let pass = &self.pass(w, batch, dropout)?;
        let n_embd = self.config.n_embd as i64;
        let mut x = embedding(&w[self.wte], &batch.tokens)?;
        if let Some(wpe) = self.wpe {
            x = x.f_add(&match &batch.positions {
                Some(positions) => embedding(&w[wpe], positions)?,
                None => w[wpe].f_narrow(0, 0, pass.length)?,
            })?;
        }
        let mut x = apply_dropout(&x.f_view([-1, n_embd])?, dropout.activations)?;
        for block in &self.blocks {
            let y = self.attention(block, pass, &block.ln_1.forward(pass, &x)?)?;
            x = x.f_add(&apply_dropout(&y, dropout.activations)?)?;

            let y = block.mlp.forward(pass, &block.ln_2.forward(pass, &x)?)?;
            x = x.f_add(&apply_dropout(&y, dropout.activations)?)?;
        }
        self.ln_f.forward(pass, &x)
    }
    // ANCHOR_END: forward

    fn pass<'a>(&self, w: &'a [Tensor], batch: &Batch, dropout: Dropout) -> Torch<Pass<'a>> {
        let (_, length) = batch.tokens.size2()?;
        let positions = batch.positions.as_ref();
        let angles = self.angles.as_ref().map(|angles| angles.at(positions, length));
        let kind = self.blocks[0].c_attn.kind(w)?;
        let mask = positions.map(|positions| document_mask(positions, kind));
        Ok(Pass { w, dropout, length, angles: angles.transpose()?, mask: mask.transpose()? })
    }

    // ANCHOR: attention
    /// Causal multi-head attention. x, result: (batch * length, n_embd).
    fn attention(&self, block: &Block, pass: &Pass, x: &Tensor) -> Torch<Tensor> {
        let GptConfig { n_embd, n_head, .. } = self.config;
        let sizes = [n_embd, n_head, n_embd / n_head, self.config.n_kv_head()];
        let [n_embd, n_head, size, n_kv_head] = sizes.map(|n| n as i64);
        // Heads of queries, of keys, of values; each: (batch, length, heads, size).
        let qkv = block.c_attn.forward(pass, x)?;
        let qkv = qkv.f_view([-1, pass.length, n_head + 2 * n_kv_head, size])?;
        let parts = qkv.f_split_with_sizes([n_head, n_kv_head, n_kv_head], 2)?;
        let mut parts = <[Tensor; 3]>::try_from(parts).expect("queries, keys and values");
        if let Some(angles) = &pass.angles {
            let [q, k, v] = &parts;
            // The values are copied, so that qkv, whose queries and keys are not rotated, is freed.
            parts = [angles.rotate(q)?, angles.rotate(k)?, v.f_contiguous()?];
        }
        let [q, k, v] = parts.each_ref().map(|part| part.f_transpose(1, 2));
        let attend = if self.fused { attention::fused } else { attention::plain };
        let y = attend(&q?, &k?, &v?, pass.mask.as_ref(), pass.dropout.activations)?;
        let y = y.f_transpose(1, 2)?.f_reshape([-1, n_embd])?;
        block.attn_proj.forward(pass, &y)
    }
    // ANCHOR_END: attention
}

/// The rows of a matrix that these numbers name.
fn embedding(weight: &Tensor, rows: &Tensor) -> Torch<Tensor> {
    Tensor::f_embedding(weight, rows, -1, false, false)
}

impl Norm {
    fn new(layout: &Layout, name: &str, config: &GptConfig) -> Self {
        let (weight, bias) = weight_and_bias(layout, name);
        Norm { weight, bias, kind: config.arch.norm }
    }

    fn forward(&self, pass: &Pass, x: &Tensor) -> Torch<Tensor> {
        let weight = &pass.w[self.weight];
        let (shape, bias) = (weight.size(), self.bias.map(|i| &pass.w[i]));
        match self.kind {
            NormKind::LayerNorm => x.f_layer_norm(shape, Some(weight), bias, 1e-5, true),
            NormKind::RmsNorm { eps } => x.f_rms_norm(shape, Some(weight), eps),
        }
    }
}

impl Mlp {
    /// x, result: (rows, n_embd).
    fn forward(&self, pass: &Pass, x: &Tensor) -> Torch<Tensor> {
        match self {
            Mlp::Gelu { c_fc, c_proj } => {
                c_proj.forward(pass, &c_fc.forward(pass, x)?.f_gelu("tanh")?)
            }
            Mlp::SwiGlu { gate_proj, up_proj, down_proj } => {
                let x = gate_proj.rounded(pass, x)?; // once for both
                let gate = gate_proj.forward(pass, &x)?.f_silu()?;
                down_proj.forward(pass, &gate.f_mul(&up_proj.forward(pass, &x)?)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage02_attention::params::Params;
    use stage03_gpt::architecture::Architecture;
    use tch::Kind;

    /// Scores depend on differences of rotary positions, so that no loss could tell this.
    #[test]
    fn each_document_begins_with_the_rotation_by_nothing() {
        let arch = Architecture::LLAMA;
        let config = GptConfig { arch, block_size: 5, n_layer: 1, ..GptConfig::default() };
        let size = (config.n_embd / config.n_head) as i64;
        let gpt = Gpt::new(config).unwrap();
        let weights = Params::zeros(gpt.layout());
        let weights = super::super::Weights::new(&gpt, &weights, Device::Cpu, |_| false).unwrap();
        let model = Model::new(&gpt, Device::Cpu, true).unwrap();
        let x = Tensor::ones([1, 5, 1, size], (Kind::Float, Device::Cpu));
        for (documents, begin) in [(vec![5], vec![0]), (vec![2, 3], vec![0, 2])] {
            let documents = [documents];
            let batch = Batch::upload(Device::Cpu, 5, &[1; 5], &[], Some(&documents)).unwrap();
            let pass = model.pass(&weights.leaves, &batch, Dropout::NONE).unwrap();
            let rotated = pass.angles.unwrap().rotate(&x).unwrap();
            let same = |&token: &i64| {
                (rotated.get(0).get(token) - 1.0).abs().max().double_value(&[]) == 0.0
            };
            assert_eq!((0..5).filter(same).collect::<Vec<_>>(), begin);
        }
    }
}
