//! A linear layer, and the low-rank adapters beside it: stage 2's `linear` and `lora`.
//!
//! ```text
//! y = x W + b + s (dropout(x) A) B
//! ```
//!
//! Where a layer holds several matrices side by side (queries, keys, values), each may have an adapter
//! of its own. They are computed together: their A stand side by side, their B one above another, with
//! zeros in the columns of others.
//!
//! ```text
//!                           | Bq  0   0  |
//! (x Aq | x Ak | x Av)      | 0   Bk  0  |
//!                           | 0   0   Bv |
//! ```
//!
//! Two thin products instead of six; A and B are so small that the copies cost nothing.

use stage02_attention::params::Layout;
use stage03_gpt::lora::{LoraSettings, Site};
use tch::{Kind, Tensor};

use super::Torch;
use super::attention::apply_dropout;
use super::model::Pass;

/// The index of each tensor of a layer among the leaves.
pub(super) struct Linear {
    weight: usize,
    bias: Option<usize>,
    adapters: Vec<Adapter>,
    /// alpha / rank.
    scale: f64,
}

struct Adapter {
    a: usize,
    b: usize,
    /// The first of its columns of y.
    first: i64,
}

/// Whether a tensor belongs to a linear layer of a block, or to an adapter of one, whose products may be
/// rounded. The token embeddings may also be the output layer, but as embeddings they are read in full
/// precision.
pub(super) fn is_linear(name: &str) -> bool {
    let layers = ["c_attn", "c_fc", "c_proj", "gate_proj", "up_proj", "down_proj"];
    let adapter = name.ends_with(".lora_A") || name.ends_with(".lora_B");
    adapter || layers.iter().any(|layer| name.contains(&format!(".{layer}.")))
}

/// The index of a tensor.
pub(super) fn find(layout: &Layout, name: &str) -> Option<usize> {
    layout.tensors().iter().position(|tensor| tensor.name == name)
}

/// The indices of the weight and of the bias, if there is one.
///
/// # Panics
/// When there is no weight of this name.
pub(super) fn weight_and_bias(layout: &Layout, name: &str) -> (usize, Option<usize>) {
    let weight = find(layout, &format!("{name}.weight"));
    let weight = weight.unwrap_or_else(|| panic!("a GPT has a tensor {name}.weight"));
    (weight, find(layout, &format!("{name}.bias")))
}

impl Linear {
    /// Finds the tensors of the layer `name` of this block. sites: the places of its adapters; lora: the
    /// settings of the model's.
    pub fn new(
        layout: &Layout,
        block: usize,
        name: &str,
        sites: &[Site],
        lora: Option<&LoraSettings>,
    ) -> Self {
        let (weight, bias) = weight_and_bias(layout, &format!("h.{block}.{name}"));
        let adapter = |site: &Site| {
            let matrix = |ab| find(layout, &format!("h.{block}.{}.lora_{ab}", site.path));
            Some(Adapter { a: matrix('A')?, b: matrix('B')?, first: site.columns.start as i64 })
        };
        let scale = lora.map_or(0.0, |lora| lora.alpha / lora.rank as f64);
        Linear { weight, bias, adapters: sites.iter().filter_map(adapter).collect(), scale }
    }

    /// y, in the precision of W. x: (rows, n_in).
    pub fn forward(&self, pass: &Pass, x: &Tensor) -> Torch<Tensor> {
        let (weight, x) = (&pass.w[self.weight], self.rounded(pass, x)?);
        let y = match self.bias {
            Some(bias) => pass.w[bias].f_addmm(&x, weight)?,
            None => x.f_mm(weight)?,
        };
        if self.adapters.is_empty() { Ok(y) } else { self.adapt(pass, &x, y) }
    }

    /// y + s (dropout(x) A) B, written into y.
    fn adapt(&self, pass: &Pass, x: &Tensor, mut y: Tensor) -> Torch<Tensor> {
        let (columns, mut a, mut b) = (y.size()[1], vec![], vec![]);
        for adapter in &self.adapters {
            let (own_a, own_b) = (&pass.w[adapter.a], &pass.w[adapter.b]);
            let behind = columns - adapter.first - own_b.size()[1];
            a.push(own_a);
            b.push(own_b.f_constant_pad_nd([adapter.first, behind])?);
        }
        let (a, b) = (Tensor::f_cat(&a, 1)?, Tensor::f_cat(&b, 0)?);
        let x = apply_dropout(x, pass.dropout.adapters)?;
        let u = x.f_mm(&a)?.f_mul_scalar_(self.scale)?;
        y.f_addmm_(&u, &b)
    }

    /// x in the precision of W.
    pub fn rounded(&self, pass: &Pass, x: &Tensor) -> Torch<Tensor> {
        x.f_to_kind(self.kind(pass.w)?)
    }

    /// The precision of W.
    pub fn kind(&self, w: &[Tensor]) -> Torch<Kind> {
        w[self.weight].f_kind()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage03_gpt::architecture::Architecture;
    use stage03_gpt::config::GptConfig;
    use stage03_gpt::gpt::Gpt;
    use stage03_gpt::lora::declare;

    #[test]
    fn the_linear_layers_are_all_of_a_block_but_its_norms() {
        for arch in [Architecture::GPT2, Architecture { tie_weights: false, ..Architecture::LLAMA }]
        {
            let config = GptConfig { arch, bias: true, ..GptConfig::default() };
            let gpt = declare(&Gpt::new(config).unwrap(), &LoraSettings::default()).unwrap();
            for tensor in gpt.layout().tensors() {
                let name = &tensor.name;
                let expected = name.starts_with("h.") && !name.contains(".ln_");
                assert_eq!(is_linear(name), expected, "{name}");
            }
        }
    }
}
