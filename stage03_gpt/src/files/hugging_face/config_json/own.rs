//! `config.json` of a mixture of parts, such as a GPT-2 with RMSNorm: entries under the names of the
//! settings of this program. No other program knows the `model_type`, and so none computes something
//! else by mistake.

use serde_json::{Value, json};
use stage01_bigram::Result;
use stage02_attention::attention::rotary::Scaling;

use super::{Config, llama};
use crate::architecture::{Architecture, MlpKind, NormKind, Positions};
use crate::config::GptConfig;
use crate::files::entries::Entries;

/// The entries of the sizes.
pub(super) const ENTRIES: &Entries = &[
    ("the vocabulary", "vocab_size"),
    ("--block-size", "block_size"),
    ("--n-layer", "n_layer"),
    ("--n-head", "n_head"),
    ("--n-kv-head", "n_kv_head"),
    ("--n-embd", "n_embd"),
    ("--n-inner", "n_inner"),
    ("--rms-norm-eps", "rms_norm_eps"),
    ("--rope-theta", "rope_theta"),
];

/// `config.json` of a mixture, without the entries that all families have.
pub(super) fn config_json(config: &GptConfig) -> Value {
    let Architecture { norm, positions, mlp, qkv_bias, .. } = config.arch;
    let (norm, eps) = match norm {
        NormKind::LayerNorm => ("layer", Value::Null),
        NormKind::RmsNorm { eps } => ("rms", json!(eps)),
    };
    let (name, theta, scaling) = match positions {
        Positions::Learned => ("learned", Value::Null, Scaling::None),
        Positions::Rotary(rope) => ("rotary", json!(rope.theta), rope.scaling),
    };
    json!({
        "architectures": ["Gpt"],
        "model_type": "stage03_gpt",
        "vocab_size": config.vocab_size,
        "block_size": config.block_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_kv_head": config.arch.n_kv_head,
        "n_embd": config.n_embd,
        "n_inner": config.arch.n_inner,
        "norm": norm,
        "rms_norm_eps": eps,
        "positions": name,
        "rope_theta": theta,
        "rope_scaling": llama::rope_scaling(scaling),
        "mlp": match mlp { MlpKind::Gelu => "gelu", MlpKind::SwiGlu => "swiglu" },
        "qkv_bias": qkv_bias,
        "dropout": config.dropout,
        "bias": config.bias,
    })
}

/// The sizes and parts of a mixture.
pub(super) fn sizes(json: &Config) -> Result<GptConfig> {
    json.check_common(&["Gpt"])?;
    let size = |entry| json.size(entry, entry);
    let norm = match json.get("norm").as_str() {
        Some("layer") => NormKind::LayerNorm,
        Some("rms") => NormKind::RmsNorm { eps: json.number("rms_norm_eps")?.unwrap_or(1e-5) },
        _ => return Err(json.wrong("norm", "\"layer\" or \"rms\"")),
    };
    let positions = match json.get("positions").as_str() {
        Some("learned") => Positions::Learned,
        Some("rotary") => llama::rope(json)?,
        _ => return Err(json.wrong("positions", "\"learned\" or \"rotary\"")),
    };
    let mlp = match json.get("mlp").as_str() {
        Some("gelu") => MlpKind::Gelu,
        Some("swiglu") => MlpKind::SwiGlu,
        _ => return Err(json.wrong("mlp", "\"gelu\" or \"swiglu\"")),
    };
    Ok(GptConfig {
        vocab_size: size("vocab_size")?,
        block_size: size("block_size")?,
        n_layer: size("n_layer")?,
        n_head: size("n_head")?,
        n_embd: size("n_embd")?,
        dropout: json.dropout(&["dropout"], 0.0)?,
        bias: json.flag("bias", false)?,
        arch: Architecture {
            norm,
            positions,
            mlp,
            n_inner: json.optional_size("n_inner")?,
            n_kv_head: json.optional_size("n_kv_head")?,
            tie_weights: json.flag("tie_word_embeddings", true)?,
            qkv_bias: json.flag("qkv_bias", false)?,
        },
    })
}
