//! `config.json` of Llama and its family: Llama, SmolLM2, TinyLlama, Mistral, Qwen2. Beside what all
//! families have:
//!
//! | entry | |
//! |---|---|
//! | `max_position_embeddings`, `intermediate_size`, `num_key_value_heads`, `rms_norm_eps` | followed |
//! | `rope_theta`, `rope_scaling`; in newer files both as `rope_parameters` | followed: no scaling, `linear` and `llama3`; other kinds are refused |
//! | `attention_dropout` | checked; a training has its own `--dropout` |
//! | `hidden_act`, `head_dim`, `attention_bias`, `mlp_bias`, `sliding_window`, `layer_types`, `partial_rotary_factor`, `rope_interleaved`, `pretraining_tp` | refused where they ask for another model |

use serde_json::{Value, json};
use stage01_bigram::Result;
use stage02_attention::attention::rotary::{Rope, Scaling};

use super::super::family::Family;
use super::Config;
use crate::architecture::{Architecture, NormKind};
use crate::config::GptConfig;
use crate::files::entries::Entries;

/// The entries of the sizes.
pub(super) const ENTRIES: &Entries = &[
    ("the vocabulary", "vocab_size"),
    ("--block-size", "max_position_embeddings"),
    ("--n-layer", "num_hidden_layers"),
    ("--n-head", "num_attention_heads"),
    ("--n-kv-head", "num_key_value_heads"),
    ("--n-embd", "hidden_size"),
    ("--n-inner", "intermediate_size"),
    ("--rms-norm-eps", "rms_norm_eps"),
    ("--rope-theta", "rope_theta"),
];

/// `config.json` of a Llama or a Qwen2, without the entries that all families have.
// ANCHOR: config_json
pub(super) fn config_json(config: &GptConfig) -> Value {
    let NormKind::RmsNorm { eps } = config.arch.norm else { unreachable!("the norm of a Llama") };
    let rope = config.arch.rope().expect("the positions of a Llama");
    let (name, model_type) = match config.arch.qkv_bias {
        false => ("LlamaForCausalLM", "llama"),
        true => ("Qwen2ForCausalLM", "qwen2"),
    };
    json!({
        "architectures": [name],
        "model_type": model_type,
        "hidden_act": "silu",
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.block_size,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_kv_head(),
        "hidden_size": config.n_embd,
        "intermediate_size": config.n_inner(),
        "rms_norm_eps": eps,
        "rope_theta": rope.theta,
        "rope_scaling": rope_scaling(rope.scaling),
        "attention_dropout": config.dropout,
        "initializer_range": 0.02,
    })
}
// ANCHOR_END: config_json

/// The entry of a scaling.
pub(super) fn rope_scaling(scaling: Scaling) -> Value {
    match scaling {
        Scaling::None => Value::Null,
        Scaling::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
        Scaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low_freq_factor,
            "high_freq_factor": high_freq_factor,
            "original_max_position_embeddings": original_context,
        }),
    }
}

/// The sizes and parts of a Llama or a Qwen2.
pub(super) fn sizes(json: &Config, family: Family) -> Result<GptConfig> {
    check(json, family)?;
    let size = |entry| json.size(entry, entry);
    let (n_embd, n_head) = (size("hidden_size")?, size("num_attention_heads")?);
    if json.optional_size("head_dim")?.is_some_and(|d| d.checked_mul(n_head) != Some(n_embd)) {
        let expected = format!("hidden_size / num_attention_heads = {n_embd} / {n_head}");
        return Err(json.wrong("head_dim", &expected));
    }
    let eps = json.number("rms_norm_eps")?.unwrap_or(1e-6);
    Ok(GptConfig {
        vocab_size: size("vocab_size")?,
        block_size: json.optional_size("max_position_embeddings")?.unwrap_or(2048),
        n_layer: size("num_hidden_layers")?,
        n_head,
        n_embd,
        dropout: json.dropout(&["attention_dropout"], 0.0)?,
        bias: false,
        arch: Architecture {
            norm: NormKind::RmsNorm { eps },
            positions: rope(json)?,
            tie_weights: json.flag("tie_word_embeddings", false)?,
            qkv_bias: family == Family::Qwen2,
            n_inner: Some(size("intermediate_size")?),
            n_kv_head: json.optional_size("num_key_value_heads")?,
            ..Architecture::LLAMA
        },
    })
}

/// The rotation, from `rope_parameters` or, in older files, `rope_theta` and `rope_scaling`.
pub(super) fn rope(config: &Config) -> Result<crate::architecture::Positions> {
    let (entry, rules) = match config.get("rope_parameters") {
        Value::Null => ("rope_scaling", config.get("rope_scaling")),
        rules => ("rope_parameters", rules),
    };
    if !(rules.is_null() || rules.is_object()) {
        return Err(config.wrong(entry, "null, or an object with rope_type"));
    }
    let number = |name: &str| {
        let wrong = || config.wrong(entry, &format!("an object in which {name} is a number"));
        rules.get(name).and_then(Value::as_f64).ok_or_else(wrong)
    };
    let theta = match rules.get("rope_theta") {
        Some(_) => number("rope_theta")?,
        None => config.number("rope_theta")?.unwrap_or(10_000.0),
    };
    let name = ["rope_type", "type"].iter().find_map(|name| rules.get(name));
    let scaling = match name.map(Value::as_str) {
        None if rules.is_object() && entry == "rope_scaling" => {
            return Err(config.wrong(entry, "an object with rope_type"));
        }
        None | Some(Some("default")) => Scaling::None,
        Some(Some("linear")) => Scaling::Linear { factor: number("factor")? },
        Some(Some("llama3")) => Scaling::Llama3 {
            factor: number("factor")?,
            low_freq_factor: number("low_freq_factor")?,
            high_freq_factor: number("high_freq_factor")?,
            original_context: number("original_max_position_embeddings")?,
        },
        _ => {
            let known =
                "the rope_type \"default\", \"linear\" or \"llama3\", the ones computed here";
            return Err(config.wrong(entry, known));
        }
    };
    Ok(crate::architecture::Positions::Rotary(Rope { theta, scaling }))
}

/// Checks the settings that the family has and this crate fixes.
fn check(config: &Config, family: Family) -> Result<()> {
    let (no, none, one) = (json!(false), json!(null), json!(1));
    config.fixed(&[
        ("hidden_act", &[json!("silu"), json!("swish")], "\"silu\", the activation of SwiGLU"),
        ("mlp_bias", &[no.clone(), none.clone()], "false: linear layers without biases"),
        ("use_sliding_window", &[no.clone(), none.clone()], "false: attention to all tokens"),
        ("rope_interleaved", &[no.clone(), none.clone()], "false: pairs (j, j + head size / 2)"),
        ("pretraining_tp", &[one.clone(), none.clone()], "1"),
        ("partial_rotary_factor", &[one, json!(1.0), none.clone()], "1: all of a head is rotated"),
    ])?;
    if family == Family::Llama {
        config.fixed(&[("attention_bias", &[no, none.clone()], "false")])?;
    }
    // Qwen2 has a number there that counts only with `use_sliding_window`.
    if family != Family::Qwen2 {
        config.fixed(&[("sliding_window", &[none], "null: attention to all tokens")])?;
    }
    let full = |kinds: &Vec<Value>| kinds.iter().all(|kind| kind == "full_attention");
    match config.get("layer_types") {
        Value::Null => {}
        Value::Array(kinds) if full(kinds) => {}
        _ => return Err(config.wrong("layer_types", "\"full_attention\" in every layer")),
    }
    config.check_common(&[
        "LlamaForCausalLM",
        "LlamaModel",
        "MistralForCausalLM",
        "MistralModel",
        "Qwen2ForCausalLM",
        "Qwen2Model",
    ])
}
