//! `config.json`: the sizes of a model, as `transformers` reads and writes them.

use std::path::Path;

use serde_json::{Value, json};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};

use super::CONFIG_FILE;
use crate::config::GptConfig;

/// `config.json` as `transformers` reads it.
// ANCHOR: config_json
pub(super) fn config_json(config: &GptConfig, tokenizer: &Tokenizer) -> Value {
    let end_of_text = tokenizer.end_of_text();
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
        "n_inner": null,
        "attn_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "tie_word_embeddings": true,
        "dtype": "float32",
        "bias": config.bias,
    })
}
// ANCHOR_END: config_json

/// Reads `config.json`.
///
/// # Errors
/// [`Error::File`] when it is missing; [`Error::Format`] when it describes a model that this
/// crate does not compute, naming the entry.
pub fn read_config(folder: &Path) -> Result<GptConfig> {
    let path = folder.join(CONFIG_FILE);
    let text = files::read_text(&path)?;
    let json: Value = serde_json::from_str(&text).map_err(|e| {
        Error::format(&path, format!("not JSON: {e}"), "restore it, or train the model again")
    })?;
    let wrong = |entry: &str, expected: &str| {
        let given = json.get(entry).map_or("missing".to_string(), Value::to_string);
        Error::format(&path, format!("{entry} is {given}"), format!("expected {expected}"))
    };
    let size = |entry: &str| {
        let n = json.get(entry).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        n.filter(|&n| n > 0).ok_or_else(|| wrong(entry, "a whole number above 0"))
    };
    // What GPT-2 leaves open and this crate fixes. An entry that is absent has the default.
    let fixed: [(&str, &[Value], &str); 6] = [
        ("model_type", &[json!("gpt2")], "\"gpt2\", the only architecture known here"),
        (
            "activation_function",
            &[json!("gelu_new"), json!("gelu_pytorch_tanh")],
            "\"gelu_new\", the tanh form of GELU",
        ),
        ("scale_attn_weights", &[json!(true)], "true: scores are divided by sqrt(head size)"),
        ("scale_attn_by_inverse_layer_idx", &[json!(false)], "false"),
        ("tie_word_embeddings", &[json!(true)], "true: the output shares the token embedding"),
        ("add_cross_attention", &[json!(false)], "false"),
    ];
    for (entry, allowed, expected) in fixed {
        if json.get(entry).is_some_and(|value| !allowed.contains(value)) {
            return Err(wrong(entry, expected));
        }
    }
    if json.get("layer_norm_epsilon").and_then(Value::as_f64).is_some_and(|eps| eps != 1e-5) {
        return Err(wrong("layer_norm_epsilon", "1e-5"));
    }
    let n_embd = size("n_embd")?;
    if json.get("n_inner").and_then(Value::as_u64).is_some_and(|n| n != 4 * n_embd as u64) {
        return Err(wrong("n_inner", "null, or four times n_embd"));
    }
    let config = GptConfig {
        vocab_size: size("vocab_size")?,
        block_size: size("n_positions")?,
        n_layer: size("n_layer")?,
        n_head: size("n_head")?,
        n_embd,
        dropout: json.get("resid_pdrop").and_then(Value::as_f64).unwrap_or(0.0),
        bias: json.get("bias").and_then(Value::as_bool).unwrap_or(true),
    };
    config
        .validate()
        .map_err(|e| Error::format(&path, e.to_string(), "restore it, or train the model again"))?;
    Ok(config)
}
