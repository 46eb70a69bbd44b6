//! The sizes of a model: the metadata of a GGUF file, and a [`GptConfig`].
//!
//! | key, behind `llama.` or `gpt2.` | here |
//! |---|---|
//! | `block_count` | `n_layer` |
//! | `context_length` | `block_size` |
//! | `embedding_length` | `n_embd` |
//! | `feed_forward_length` | `arch.n_inner` |
//! | `attention.head_count`, `attention.head_count_kv` | `n_head`, `arch.n_kv_head` |
//! | `attention.layer_norm_epsilon` (GPT-2) | 1e-5, which layer norms have here |
//! | `attention.layer_norm_rms_epsilon` (Llama) | `eps` of the norms |
//! | `rope.freq_base`, `rope.dimension_count`, `rope.scaling.…` (Llama) | `arch.positions` |
//! | `vocab_size` | `vocab_size`; the rows of the token embedding decide |
//!
//! What the metadata says is compared with the dimensions of tensors before anything is allocated
//! by it. Whether there are biases, and an output layer of its own, the tensors show.

use stage01_bigram::{Error, Result};
use stage02_attention::attention::rotary::{Rope, Scaling};

use super::names::{OUTPUT, POSITION_EMBD, ROPE_FREQS, TOKEN_EMBD};
use super::{GgufFile, Value};
use crate::architecture::{Architecture, MlpKind, NormKind, Positions};
use crate::config::GptConfig;
use crate::files::entries::{Entries, in_the_words_of};

/// What stands under the root of a layer norm.
const LAYER_NORM_EPS: f64 = 1e-5;

/// The base of rotary positions where a file names none, as llama.cpp has it.
const FREQ_BASE: f64 = 10_000.0;

/// What all models have whose frequencies are scaled in Llama 3's way (3.1, 3.2 and 3.3), besides
/// the factor: `low_freq_factor`, `high_freq_factor` and the original context.
const LLAMA3: (f64, f64, f64) = (1.0, 4.0, 8192.0);

/// The entries of the sizes of a Llama.
const LLAMA_ENTRIES: &Entries = &[
    ("the vocabulary", "llama.vocab_size"),
    ("--block-size", "llama.context_length"),
    ("--n-layer", "llama.block_count"),
    ("--n-head", "llama.attention.head_count"),
    ("--n-kv-head", "llama.attention.head_count_kv"),
    ("--n-embd", "llama.embedding_length"),
    ("--n-inner", "llama.feed_forward_length"),
    ("--rms-norm-eps", "llama.attention.layer_norm_rms_epsilon"),
    ("--rope-theta", "llama.rope.freq_base"),
];

/// The entries of the sizes of a GPT-2.
const GPT2_ENTRIES: &Entries = &[
    ("the vocabulary", "gpt2.vocab_size"),
    ("--block-size", "gpt2.context_length"),
    ("--n-layer", "gpt2.block_count"),
    ("--n-head", "gpt2.attention.head_count"),
    ("--n-kv-head", "gpt2.attention.head_count_kv"),
    ("--n-embd", "gpt2.embedding_length"),
    ("--n-inner", "gpt2.feed_forward_length"),
];

/// Whether llama.cpp's architecture `llama` computes the model.
pub(super) fn is_llama_shaped(config: &GptConfig) -> bool {
    config.arch.is_llama()
}

/// Whether llama.cpp's architecture `gpt2` computes the model.
fn is_gpt2_shaped(config: &GptConfig) -> bool {
    let Architecture { norm, positions, mlp, .. } = config.arch;
    (norm, positions, mlp) == (NormKind::LayerNorm, Positions::Learned, MlpKind::Gelu)
}

/// The sizes that a file has.
///
/// # Errors
/// [`Error::Format`] for another architecture, a missing or wrong entry, and sizes that tensors do
/// not have.
pub(super) fn read(file: &GgufFile) -> Result<GptConfig> {
    let metadata = file.metadata();
    let name: &str = metadata.required("general.architecture")?;
    let llama = match name {
        "llama" => true,
        "gpt2" => false,
        _ => {
            let expected = "the architecture llama or gpt2, which this program computes";
            return Err(metadata.wrong("general.architecture", expected));
        }
    };
    let key = |entry: &str| format!("{name}.{entry}");
    let size = |entry: &str| metadata.required::<usize>(&key(entry));
    let n_embd = size("embedding_length")?;
    let vocab_size = rows_of(file, TOKEN_EMBD, n_embd, &key("embedding_length"))?;
    let said = metadata.optional::<usize>(&key("vocab_size"))?;
    if said.is_some_and(|said| said != vocab_size) {
        let expected = format!("{vocab_size}, the rows of {TOKEN_EMBD}");
        return Err(metadata.wrong(&key("vocab_size"), &expected));
    }
    let n_head = size("attention.head_count")?;
    let n_layer = size("block_count")?;
    let block_size = size("context_length")?;
    let n_inner = size("feed_forward_length")?;
    let n_kv_head = metadata.optional(&key("attention.head_count_kv"))?.unwrap_or(n_head);
    if n_head == 0 || !n_embd.is_multiple_of(n_head) {
        return Err(metadata.wrong(&key("attention.head_count"), &format!("a divisor of {n_embd}")));
    }
    for entry in ["attention.key_length", "attention.value_length", "rope.dimension_count"] {
        let found: Option<usize> = metadata.optional(&key(entry))?;
        if found.is_some_and(|found| found != n_embd / n_head) {
            let expected = format!("{}, the embedding width over the heads", n_embd / n_head);
            return Err(metadata.wrong(&key(entry), &expected));
        }
    }
    if metadata.optional::<usize>(&key("expert_count"))?.is_some_and(|experts| experts > 0) {
        let expected = "a model without experts, because this program computes no others";
        return Err(metadata.wrong(&key("expert_count"), expected));
    }
    // Each block has a dozen of tensors. Their dimensions are compared with these sizes later.
    if n_layer > file.tensors().len() {
        let expected = format!("less than {} tensors have", file.tensors().len());
        return Err(metadata.wrong(&key("block_count"), &expected));
    }
    let arch = if llama {
        let eps = metadata.required(&key("attention.layer_norm_rms_epsilon"))?;
        let rope = rope(file, n_embd / n_head)?;
        let norm = NormKind::RmsNorm { eps };
        Architecture { norm, positions: Positions::Rotary(rope), ..Architecture::LLAMA }
    } else {
        let entry = key("attention.layer_norm_epsilon");
        let eps: f64 = metadata.required(&entry)?;
        if (eps - LAYER_NORM_EPS).abs() > 1e-9 {
            return Err(metadata.wrong(&entry, "1e-5, which layer norms have here"));
        }
        let rows = rows_of(file, POSITION_EMBD, n_embd, &key("embedding_length"))?;
        if rows != block_size {
            let expected = format!("{rows}, the rows of {POSITION_EMBD}");
            return Err(metadata.wrong(&key("context_length"), &expected));
        }
        Architecture::GPT2
    };
    let has = |name: &str| file.tensor(name).is_some();
    let arch = Architecture {
        n_inner: Some(n_inner),
        n_kv_head: Some(n_kv_head),
        tie_weights: is_tied(file)?,
        qkv_bias: has("blk.0.attn_q.bias") && !has("blk.0.attn_output.bias"),
        ..arch
    };
    let bias = if llama { has("blk.0.attn_output.bias") } else { has_biases(file)? };
    let config =
        GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout: 0.0, bias, arch };
    let config = plain(config);
    config.check().map_err(|e| {
        let problem = in_the_words_of(if llama { LLAMA_ENTRIES } else { GPT2_ENTRIES }, &e);
        Error::format(file.path(), problem, "convert the model again, or take another file")
    })?;
    Ok(config)
}

/// The sizes with those left out that are the usual ones, so that a GPT-2 is equal to
/// [`Architecture::GPT2`].
fn plain(config: GptConfig) -> GptConfig {
    let mut usual = config.clone();
    usual.arch.n_inner = None;
    if usual.n_inner() != config.n_inner() {
        usual.arch.n_inner = config.arch.n_inner;
    }
    usual.arch.n_kv_head = config.arch.n_kv_head.filter(|&heads| heads != config.n_head);
    usual
}

/// The number of rows of an embedding whose width a key gives.
fn rows_of(file: &GgufFile, name: &str, width: usize, key: &str) -> Result<usize> {
    let Some(tensor) = file.tensor(name) else {
        let problem = format!("the tensor {name} is missing");
        return Err(Error::format(file.path(), problem, "take a file that holds a whole model"));
    };
    match tensor.dims[..] {
        [found, rows] if found == width => Ok(rows),
        _ => {
            let expected = format!("the length of the rows of {name}, which has {:?}", tensor.dims);
            Err(file.metadata().wrong(key, &expected))
        }
    }
}

/// Whether the output layer is the token embedding again. Some files repeat it.
fn is_tied(file: &GgufFile) -> Result<bool> {
    match (file.tensor(OUTPUT), file.tensor(TOKEN_EMBD)) {
        (Some(output), Some(embedding)) => file.are_equal(output, embedding),
        _ => Ok(true),
    }
}

/// Whether a GPT-2 has biases that are not all zero: files have zeros where a model has none.
fn has_biases(file: &GgufFile) -> Result<bool> {
    for tensor in file.tensors().iter().filter(|tensor| tensor.name.ends_with(".bias")) {
        if file.read(tensor)?.iter().any(|&number| number != 0.0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rotation of queries and keys.
fn rope(file: &GgufFile, head_size: usize) -> Result<Rope> {
    let metadata = file.metadata();
    let theta = metadata.optional("llama.rope.freq_base")?.unwrap_or(FREQ_BASE);
    let kind = "llama.rope.scaling.type";
    let linear = match metadata.optional::<&str>(kind)? {
        None | Some("none") => None,
        Some("linear") => Some(metadata.required("llama.rope.scaling.factor")?),
        Some(_) => return Err(metadata.wrong(kind, "none or linear, which are read here")),
    };
    let scaling = match (linear, file.tensor(ROPE_FREQS)) {
        (None, None) => Scaling::None,
        (Some(factor), None) => Scaling::Linear { factor },
        (linear, Some(tensor)) => {
            let refuse = |problem: &str| {
                let problem = format!("the tensor {ROPE_FREQS} {problem}");
                let remedy = "take a model with Llama 3's scaling of frequencies, or with none";
                Err(Error::format(file.path(), problem, remedy))
            };
            if linear.is_some() || tensor.len() != head_size / 2 {
                return refuse("does not fit to the metadata");
            }
            let found = file.read(tensor)?;
            let factor = found.iter().fold(0f32, |a, &b| a.max(b)).into();
            let scaling = llama3(factor);
            let rope = Rope { theta, scaling };
            let known = factor >= 1.0 && rope.check(head_size).is_ok() && {
                let expected = freq_factors(&rope, head_size);
                found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3 * b)
            };
            if !known {
                return refuse("scales frequencies in a way that is not Llama 3's");
            }
            scaling
        }
    };
    Ok(Rope { theta, scaling })
}

/// Llama 3's scaling by a factor.
fn llama3(factor: f64) -> Scaling {
    let (low_freq_factor, high_freq_factor, original_context) = LLAMA3;
    Scaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context }
}

/// What the frequencies of a head are divided by: the numbers of [`ROPE_FREQS`].
pub(super) fn freq_factors(rope: &Rope, head_size: usize) -> Vec<f32> {
    let scaled = rope.frequencies(head_size);
    let plain = Rope::new(rope.theta).frequencies(head_size);
    plain.iter().zip(&scaled).map(|(plain, scaled)| (plain / scaled) as f32).collect()
}

/// Whether a model's frequencies are written as a tensor.
pub(super) fn has_freq_factors(config: &GptConfig) -> Option<Rope> {
    config.arch.rope().filter(|rope| matches!(rope.scaling, Scaling::Llama3 { .. }))
}

/// The metadata of these sizes.
///
/// # Errors
/// [`Error::Setting`] for a mixture of parts that no architecture of llama.cpp has.
pub(super) fn metadata(config: &GptConfig) -> Result<Vec<(String, Value)>> {
    let name = match config {
        config if is_llama_shaped(config) => "llama",
        config if is_gpt2_shaped(config) => "gpt2",
        _ => {
            let expected = "a GGUF file holds a model with all parts of GPT-2 (layer norm, learned \
                            positions, GELU) or of Llama (RMSNorm, rotary positions, SwiGLU)";
            return Err(Error::setting("the architecture", "a mixture", expected));
        }
    };
    let too_large = |entry: &str, size: usize| {
        Error::setting(entry, size, "GGUF files have numbers of 32 bits for sizes")
    };
    let mut all = vec![("general.architecture".into(), Value::String(name.into()))];
    for (entry, size) in [
        ("vocab_size", config.vocab_size),
        ("context_length", config.block_size),
        ("embedding_length", config.n_embd),
        ("block_count", config.n_layer),
        ("feed_forward_length", config.n_inner()),
        ("attention.head_count", config.n_head),
        ("attention.head_count_kv", config.n_kv_head()),
    ] {
        let value = u32::try_from(size).map_err(|_| too_large(entry, size))?;
        all.push((format!("{name}.{entry}"), Value::U32(value)));
    }
    let mut float = |entry: &str, value: f64| {
        all.push((format!("{name}.{entry}"), Value::F32(value as f32)));
    };
    match config.arch.norm {
        NormKind::LayerNorm => float("attention.layer_norm_epsilon", LAYER_NORM_EPS),
        NormKind::RmsNorm { eps } => float("attention.layer_norm_rms_epsilon", eps),
    }
    let Some(rope) = config.arch.rope() else { return Ok(all) };
    float("rope.freq_base", rope.theta);
    if let Scaling::Linear { factor } = rope.scaling {
        float("rope.scaling.factor", factor);
        all.push((format!("{name}.rope.scaling.type"), Value::String("linear".into())));
    }
    let head = (config.n_embd / config.n_head) as u32;
    all.push((format!("{name}.rope.dimension_count"), Value::U32(head)));
    Ok(all)
}
