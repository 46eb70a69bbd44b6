//! `config.json` of GPT-2. Beside what all families have:
//!
//! | entry | |
//! |---|---|
//! | `n_positions`, `n_layer`, `n_head`, `n_embd`, `n_inner` | followed |
//! | `bias` | an addition of this crate; the weights decide |
//! | `resid_pdrop`, `embd_pdrop`, `attn_pdrop` | checked; a training has its own `--dropout` |
//! | `activation_function`, `layer_norm_epsilon`, `scale_attn_weights` … | refused where they ask for another model |
//! | `n_ctx`, `reorder_and_upcast_attn` | checked; they change no result |

use serde_json::{Value, json};
use stage01_bigram::Result;

use super::Config;
use crate::architecture::Architecture;
use crate::config::GptConfig;
use crate::files::entries::Entries;

/// The entries of the sizes.
pub(super) const ENTRIES: &Entries = &[
    ("the vocabulary", "vocab_size"),
    ("--block-size", "n_positions"),
    ("--n-layer", "n_layer"),
    ("--n-head", "n_head"),
    ("--n-embd", "n_embd"),
    ("--n-inner", "n_inner"),
];

/// `config.json` of a GPT-2, without the entries that all families have.
// ANCHOR: config_json
pub(super) fn config_json(config: &GptConfig) -> Value {
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "vocab_size": config.vocab_size,
        "n_positions": config.block_size,
        "n_ctx": config.block_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
        "n_inner": config.arch.n_inner,
        "attn_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "bias": config.bias,
    })
}
// ANCHOR_END: config_json

/// The sizes of a GPT-2.
pub(super) fn sizes(json: &Config) -> Result<GptConfig> {
    check(json)?;
    let n_embd = json.size("n_embd", "hidden_size")?;
    let n_inner = json.optional_size("n_inner")?;
    let tie_weights = json.flag("tie_word_embeddings", true)?;
    Ok(GptConfig {
        vocab_size: json.size("vocab_size", "vocab_size")?,
        block_size: json.size("n_positions", "max_position_embeddings")?,
        n_layer: json.size("n_layer", "num_hidden_layers")?,
        n_head: json.size("n_head", "num_attention_heads")?,
        n_embd,
        dropout: json.dropout(&["embd_pdrop", "attn_pdrop", "resid_pdrop"], 0.1)?,
        bias: json.get("bias").as_bool().unwrap_or(true),
        arch: Architecture { n_inner, tie_weights, ..Architecture::GPT2 },
    })
}

/// Checks the settings that GPT-2 has and this crate fixes.
fn check(config: &Config) -> Result<()> {
    let (yes, no, none) = (json!(true), json!(false), json!(null));
    let gelu = ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"].map(|name| json!(name));
    config.fixed(&[
        ("activation_function", &gelu, "\"gelu_new\", the tanh form of GELU"),
        (
            "scale_attn_weights",
            std::slice::from_ref(&yes),
            "true: scores are divided by sqrt(head size)",
        ),
        ("scale_attn_by_inverse_layer_idx", std::slice::from_ref(&no), "false"),
        // It changes the precision of intermediate results alone.
        ("reorder_and_upcast_attn", &[yes.clone(), no.clone()], "true or false"),
        ("bias", &[yes.clone(), no.clone(), none], "true or false"),
    ])?;
    config.check_common(&["GPT2LMHeadModel", "GPT2Model"])?;
    if config.number("layer_norm_epsilon")?.is_some_and(|eps| eps != 1e-5) {
        return Err(config.wrong("layer_norm_epsilon", "1e-5"));
    }
    if !matches!(config.get("n_ctx"), Value::Null) && config.get("n_ctx").as_u64().is_none() {
        return Err(config.wrong("n_ctx", "a whole number"));
    }
    Ok(())
}
