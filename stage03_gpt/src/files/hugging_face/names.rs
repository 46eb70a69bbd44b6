//! How the tensors of a model are called in its files, and how they lie there.
//!
//! This crate has the names and orientations of GPT-2: every matrix is (n_in, n_out), and queries, keys
//! and values of all heads are one matrix. Llama's files transpose every matrix of a linear layer, and
//! keep the three apart:
//!
//! | here | in Llama's files |
//! |---|---|
//! | `wte.weight` | `model.embed_tokens.weight` |
//! | `h.0.ln_1.weight` | `model.layers.0.input_layernorm.weight` |
//! | `h.0.attn.c_attn.weight`, three ranges of columns | `model.layers.0.self_attn.q_proj.weight`, `k_proj`, `v_proj` |
//! | `h.0.attn.c_proj.weight` | `model.layers.0.self_attn.o_proj.weight` |
//! | `h.0.ln_2.weight` | `model.layers.0.post_attention_layernorm.weight` |
//! | `h.0.mlp.gate_proj.weight`, `up_proj`, `down_proj` | `model.layers.0.mlp.gate_proj.weight`, `up_proj`, `down_proj` |
//! | `ln_f.weight` | `model.norm.weight` |
//! | `lm_head.weight` | `lm_head.weight` |

use std::ops::Range;

use stage02_attention::params::{Layout, Tensor};

use super::family::Family;
use crate::config::GptConfig;

/// One tensor of a file, and the part of one of this crate's tensors that it holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileTensor {
    /// Its name in the file, without a prefix that all names have.
    pub name: String,
    /// Its shape in the file.
    pub shape: Vec<usize>,
    /// The columns that it holds; of a vector, the entries.
    pub columns: Range<usize>,
    /// Whether a matrix is transposed in the file.
    pub transposed: bool,
}

/// The prefix of the names that a family writes before those of [`file_tensors`].
pub(super) fn prefix(family: Family, name: &str) -> &'static str {
    match family {
        Family::Gpt2 | Family::Own if name == "lm_head.weight" => "",
        Family::Gpt2 | Family::Own => "transformer.",
        Family::Llama | Family::Qwen2 if name == "lm_head.weight" => "",
        Family::Llama | Family::Qwen2 => "model.",
    }
}

/// The name of a layer within a block, in the files of the model's family, with all prefixes:
/// `model.layers.7.self_attn.q_proj`. path: as [`Site`](crate::lora::Site) has it.
pub(in crate::files) fn layer_name(config: &GptConfig, block: usize, path: &str) -> String {
    match Family::of(config) {
        Family::Gpt2 | Family::Own => format!("transformer.h.{block}.{path}"),
        Family::Llama | Family::Qwen2 => format!("model.layers.{block}.{path}"),
    }
}

/// The tensors of a file that hold one of this crate's, in order.
pub(super) fn file_tensors(family: Family, config: &GptConfig, tensor: &Tensor) -> Vec<FileTensor> {
    let columns = *tensor.shape.last().expect("a tensor has a shape");
    let whole = |name: String, transposed: bool| {
        let mut shape = tensor.shape.clone();
        if transposed {
            shape.reverse();
        }
        vec![FileTensor { name, shape, columns: 0..columns, transposed }]
    };
    if matches!(family, Family::Gpt2 | Family::Own) {
        return whole(tensor.name.clone(), false);
    }
    let Some((layer, name)) = in_layer(&tensor.name) else {
        let name = match tensor.name.as_str() {
            "wte.weight" => "embed_tokens.weight",
            "ln_f.weight" => "norm.weight",
            other => other, // lm_head.weight
        };
        return whole(name.into(), false);
    };
    let (path, kind) = name.rsplit_once('.').expect("a layer and a tensor of it");
    let llama = |name: &str| format!("layers.{layer}.{name}.{kind}");
    match path {
        "ln_1" => whole(llama("input_layernorm"), false),
        "ln_2" => whole(llama("post_attention_layernorm"), false),
        "attn.c_proj" => whole(llama("self_attn.o_proj"), true),
        "attn.c_attn" => {
            let (c, kv) = (config.n_embd, config.n_embd / config.n_head * config.n_kv_head());
            let parts = [("q_proj", 0..c), ("k_proj", c..c + kv), ("v_proj", c + kv..c + 2 * kv)];
            let part = |(name, columns): (&str, Range<usize>)| {
                let (name, n) = (llama(&format!("self_attn.{name}")), columns.len());
                let (shape, transposed) = match tensor.shape[..] {
                    [rows, _] => (vec![n, rows], true),
                    _ => (vec![n], false),
                };
                FileTensor { name, shape, columns, transposed }
            };
            parts.into_iter().map(part).collect()
        }
        _ => whole(llama(path), true), // mlp.gate_proj, mlp.up_proj, mlp.down_proj
    }
}

/// The layer that one of this crate's tensors belongs to and its name there: of `h.7.ln_1.weight` 7,
/// `ln_1.weight`.
pub(super) fn in_layer(name: &str) -> Option<(usize, &str)> {
    numbered(name, "h.")
}

/// The same of a tensor of a file: `h.7.` or `layers.7.`.
pub(super) fn in_file_layer(family: Family, name: &str) -> Option<(usize, &str)> {
    match family {
        Family::Gpt2 | Family::Own => numbered(name, "h."),
        Family::Llama | Family::Qwen2 => numbered(name, "layers."),
    }
}

fn numbered<'a>(name: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    let (number, rest) = name.strip_prefix(prefix)?.split_once('.')?;
    let layer: usize = number.parse().ok()?;
    // One spelling for each number: not `07`.
    (layer.to_string() == number).then_some((layer, rest))
}

/// The names of all tensors of a file, of a layout.
pub(super) fn all_names(family: Family, config: &GptConfig, layout: &Layout) -> Vec<String> {
    let tensors = layout.tensors().iter();
    tensors.flat_map(|tensor| file_tensors(family, config, tensor)).map(|file| file.name).collect()
}
