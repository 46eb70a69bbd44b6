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

use stage02_attention::attention::rotary::Rope;
use stage02_attention::params::Layout;
use stage03_gpt::architecture::{MlpKind, NormKind};
use stage03_gpt::config::GptConfig;
use tch::{Device, Kind, Tensor};

use super::Torch;

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

struct Linear {
    weight: usize,
    bias: Option<usize>,
}

/// The cosine and the sine of every angle of a rotation. Shape of each: (block_size, 1, hs / 2), f32.
struct Angles {
    cos: Tensor,
    sin: Tensor,
}

/// Whether a tensor belongs to a linear layer of a block, whose products may be rounded. The token
/// embeddings may also be the output layer, but as embeddings they are read in full precision.
pub(super) fn is_linear(name: &str) -> bool {
    ["c_attn", "c_fc", "c_proj", "gate_proj", "up_proj", "down_proj"]
        .iter()
        .any(|layer| name.contains(&format!(".{layer}.")))
}

impl Model {
    /// Finds the tensors of a model by their names, and computes its angles on the device.
    pub fn new(config: &GptConfig, layout: &Layout, device: Device, fused: bool) -> Torch<Self> {
        let find = |name: &str| layout.tensors().iter().position(|t| t.name == name);
        let must = |name: &str| find(name).unwrap_or_else(|| panic!("a GPT has a tensor {name}"));
        let pair = |name: &str| (must(&format!("{name}.weight")), find(&format!("{name}.bias")));
        let norm = |name: &str| {
            let (weight, bias) = pair(name);
            Norm { weight, bias, kind: config.arch.norm }
        };
        let linear = |name: &str| {
            let (weight, bias) = pair(name);
            Linear { weight, bias }
        };
        let block = |i| {
            let mlp = |layer| linear(&format!("h.{i}.mlp.{layer}"));
            Block {
                ln_1: norm(&format!("h.{i}.ln_1")),
                c_attn: linear(&format!("h.{i}.attn.c_attn")),
                attn_proj: linear(&format!("h.{i}.attn.c_proj")),
                ln_2: norm(&format!("h.{i}.ln_2")),
                mlp: match config.arch.mlp {
                    MlpKind::Gelu => Mlp::Gelu { c_fc: mlp("c_fc"), c_proj: mlp("c_proj") },
                    MlpKind::SwiGlu => Mlp::SwiGlu {
                        gate_proj: mlp("gate_proj"),
                        up_proj: mlp("up_proj"),
                        down_proj: mlp("down_proj"),
                    },
                },
            }
        };
        let wte = must("wte.weight");
        let size = config.n_embd / config.n_head;
        let angles = |rope: Rope| Angles::new(rope, config.block_size, size, device);
        Ok(Model {
            config: config.clone(),
            wte,
            wpe: find("wpe.weight"),
            angles: config.arch.rope().map(angles).transpose()?,
            blocks: (0..config.n_layer).map(block).collect(),
            ln_f: norm("ln_f"),
            lm_head: find("lm_head.weight").unwrap_or(wte),
            fused,
        })
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
        let mut x = Tensor::f_embedding(&w[self.wte], tokens, -1, false, false)?;
        if let Some(wpe) = self.wpe {
            x = x.f_add(&w[wpe].f_narrow(0, 0, length)?)?;
        }
        let mut x = apply_dropout(x.f_view([-1, n_embd])?, dropout)?;
        for block in &self.blocks {
            let normed = block.ln_1.forward(w, &x)?;
            let y = self.attention(block, w, &normed, length, dropout)?;
            x = x.f_add(&apply_dropout(y, dropout)?)?;

            let normed = block.ln_2.forward(w, &x)?;
            let y = block.mlp.forward(w, &normed)?;
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
        let GptConfig { n_embd, n_head, .. } = self.config;
        let sizes = [n_embd, n_head, n_embd / n_head, self.config.n_kv_head()];
        let [n_embd, n_head, size, n_kv_head] = sizes.map(|n| n as i64);
        // Heads of queries, of keys, of values; each: (batch, length, heads, size).
        let qkv = block.c_attn.forward(w, x)?;
        let qkv = qkv.f_view([-1, length, n_head + 2 * n_kv_head, size])?;
        let parts = qkv.f_split_with_sizes([n_head, n_kv_head, n_kv_head], 2)?;
        let mut parts = <[Tensor; 3]>::try_from(parts).expect("queries, keys and values");
        if let Some(angles) = &self.angles {
            let [q, k, v] = &parts;
            // The values are copied, so that qkv, whose queries and keys are not rotated, is freed.
            parts = [angles.rotate(q)?, angles.rotate(k)?, v.f_contiguous()?];
        }
        let [q, k, v] = parts.each_ref().map(|part| part.f_transpose(1, 2));
        let attend = if self.fused { fused_attention } else { plain_attention };
        let y = attend(&q?, &k?, &v?, dropout)?;
        let y = y.f_transpose(1, 2)?.f_reshape([-1, n_embd])?;
        block.attn_proj.forward(w, &y)
    }
    // ANCHOR_END: attention
}

/// Scaled dot-product attention by its equation, with the matrix of all attention weights in
/// memory. q, result: (batch, n_head, length, size); k, v: of n_kv_head heads.
fn plain_attention(q: &Tensor, k: &Tensor, v: &Tensor, dropout: f64) -> Torch<Tensor> {
    let (_, n_head, length, size) = q.size4()?;
    let (k, v) = (for_heads(n_head, k)?, for_heads(n_head, v)?);
    let scores = q.f_matmul(&k.f_transpose(2, 3)?)?.f_mul_scalar(1.0 / (size as f64).sqrt())?;
    let later = Tensor::f_ones([length, length], (Kind::Bool, q.device()))?.f_triu(1)?;
    let att = scores.f_masked_fill(&later, f64::NEG_INFINITY)?.f_softmax(-1, Kind::Float)?;
    apply_dropout(att, dropout)?.f_to_kind(v.f_kind()?)?.f_matmul(&v)
}

/// The same in one operation, without that matrix. Shared heads of k and v are read where they are in
/// bf16, and copied in f32: the fast kernels of a GPU for f32 know no shared heads, and libtorch would
/// choose a slow one with the matrix.
fn fused_attention(q: &Tensor, k: &Tensor, v: &Tensor, dropout: f64) -> Torch<Tensor> {
    let (_, n_head, _, _) = q.size4()?;
    let shared = k.size4()?.1 < n_head && k.f_kind()? == Kind::BFloat16;
    let n_kv_head = if shared { k.size4()?.1 } else { n_head };
    let (k, v) = (for_heads(n_kv_head, k)?, for_heads(n_kv_head, v)?);
    let no_mask = None::<Tensor>;
    Tensor::f_scaled_dot_product_attention(q, &k, &v, no_mask, dropout, true, None, shared)
}

/// Repeats each head of keys or values for the query heads that share it, which are neighbours.
fn for_heads(n_head: i64, x: &Tensor) -> Torch<Tensor> {
    match n_head / x.size4()?.1 {
        1 => Ok(x.shallow_clone()),
        group => x.f_repeat_interleave_self_int(group, 1, None),
    }
}

impl Angles {
    /// The angles of all positions, for heads of this size. They are computed on the CPU: some GPUs
    /// take the cosine of a large angle less exactly.
    fn new(rope: Rope, positions: usize, size: usize, device: Device) -> Torch<Self> {
        let frequencies: Vec<f32> = rope.frequencies(size).iter().map(|&f| f as f32).collect();
        let frequencies = Tensor::f_from_slice(&frequencies)?;
        let positions = Tensor::f_arange(positions as i64, (Kind::Float, Device::Cpu))?;
        let angles = positions.f_outer(&frequencies)?.f_unsqueeze(1)?;
        let (cos, sin) = (angles.f_cos()?, angles.f_sin()?);
        Ok(Angles { cos: cos.f_to_device(device)?, sin: sin.f_to_device(device)? })
    }

    /// Rotates the pairs (j, j + size / 2) of every head, in f32. x: (batch, length, heads, size).
    fn rotate(&self, x: &Tensor) -> Torch<Tensor> {
        let (_, length, _, size) = x.size4()?;
        let (cos, sin) = (self.cos.f_narrow(0, 0, length)?, self.sin.f_narrow(0, 0, length)?);
        let (a, b) = (x.f_narrow(3, 0, size / 2)?, x.f_narrow(3, size / 2, size / 2)?);
        let first = a.f_mul(&cos)?.f_sub(&b.f_mul(&sin)?)?;
        let second = a.f_mul(&sin)?.f_add(&b.f_mul(&cos)?)?;
        Tensor::f_cat(&[first, second], 3)?.f_to_kind(x.f_kind()?)
    }
}

impl Norm {
    fn forward(&self, w: &[Tensor], x: &Tensor) -> Torch<Tensor> {
        let weight = &w[self.weight];
        let (shape, bias) = (weight.size(), self.bias.map(|i| &w[i]));
        match self.kind {
            NormKind::LayerNorm => x.f_layer_norm(shape, Some(weight), bias, 1e-5, true),
            NormKind::RmsNorm { eps } => x.f_rms_norm(shape, Some(weight), eps),
        }
    }
}

impl Mlp {
    /// x, result: (rows, n_embd).
    fn forward(&self, w: &[Tensor], x: &Tensor) -> Torch<Tensor> {
        match self {
            Mlp::Gelu { c_fc, c_proj } => c_proj.forward(w, &c_fc.forward(w, x)?.f_gelu("tanh")?),
            Mlp::SwiGlu { gate_proj, up_proj, down_proj } => {
                let x = gate_proj.rounded(w, x)?; // once for both
                let gate = gate_proj.forward(w, &x)?.f_silu()?;
                down_proj.forward(w, &gate.f_mul(&up_proj.forward(w, &x)?)?)
            }
        }
    }
}

impl Linear {
    /// y = x W + b, in the precision of W.
    fn forward(&self, w: &[Tensor], x: &Tensor) -> Torch<Tensor> {
        let (weight, x) = (&w[self.weight], self.rounded(w, x)?);
        match self.bias {
            Some(bias) => w[bias].f_addmm(&x, weight),
            None => x.f_mm(weight),
        }
    }

    /// x in the precision of W.
    fn rounded(&self, w: &[Tensor], x: &Tensor) -> Torch<Tensor> {
        x.f_to_kind(w[self.weight].f_kind()?)
    }
}

/// Dropout, if the probability is above 0.
fn apply_dropout(x: Tensor, probability: f64) -> Torch<Tensor> {
    if probability > 0.0 { x.f_dropout(probability, true) } else { Ok(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage03_gpt::architecture::Architecture;
    use stage03_gpt::gpt::Gpt;

    #[test]
    fn the_linear_layers_are_all_of_a_block_but_its_norms() {
        for arch in [Architecture::GPT2, Architecture { tie_weights: false, ..Architecture::LLAMA }]
        {
            let config = GptConfig { arch, bias: true, ..GptConfig::default() };
            for tensor in Gpt::new(config).unwrap().layout().tensors() {
                let name = &tensor.name;
                let expected = name.starts_with("h.") && !name.contains(".ln_");
                assert_eq!(is_linear(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn fused_attention_is_plain_attention() {
        let head = |n: i64, by: f64| {
            let line = Tensor::linspace(0.0, by * 1e3, 2 * n * 7 * 8, (Kind::Float, Device::Cpu));
            line.sin().view([2, n, 7, 8]).to_kind(Kind::BFloat16).to_kind(Kind::Float)
        };
        for n_kv_head in [4, 2, 1] {
            let (q, k, v) = (head(4, 1.7), head(n_kv_head, 2.3), head(n_kv_head, 3.1));
            let plain = plain_attention(&q, &k, &v, 0.0).unwrap();
            for (kind, most) in [(Kind::Float, 1e-6), (Kind::BFloat16, 2e-2)] {
                let [q, k, v] = [&q, &k, &v].map(|part| part.to_kind(kind));
                let fused = fused_attention(&q, &k, &v, 0.0).unwrap();
                assert_eq!(fused.kind(), kind);
                let error = (fused - &plain).abs().max().double_value(&[]);
                assert!(error < most, "{n_kv_head} heads, {kind:?}: {error}");
            }
        }
    }

    #[test]
    fn angles_are_those_of_stage_3() {
        let (rope, size) = (Rope::new(10_000.0), 64);
        let ours = rope.angles::<f32>(size, 4096);
        let theirs = Angles::new(rope, 4096, size, Device::Cpu).unwrap();
        let x = Tensor::ones([1, 4096, 1, size as i64], (Kind::Float, Device::Cpu));
        let rotated = theirs.rotate(&x).unwrap();
        for position in [0, 1, 77, 4095] {
            let mut expected = vec![1.0; size];
            ours.rotate(position, &mut expected);
            let row = Vec::<f32>::try_from(rotated.get(0).get(position as i64).get(0)).unwrap();
            for (a, b) in expected.iter().zip(&row) {
                assert!((a - b).abs() < 1e-5, "{position}: {expected:?} {row:?}");
            }
        }
    }
}
