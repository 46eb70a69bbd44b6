//! `config.json`: the sizes of a model, as `transformers` reads and writes them.
//!
//! GPT-2 has more settings there than this crate implements. Each entry is followed, or changes no
//! result, or is refused by its name; an entry of a wrong type is refused too:
//!
//! | entry | |
//! |---|---|
//! | `vocab_size`, `n_positions`, `n_layer`, `n_head`, `n_embd` and their general names (`hidden_size` …) | followed |
//! | `bias` | an addition of this crate; the weights decide |
//! | `bos_token_id`, `eos_token_id` | followed when text is generated |
//! | `resid_pdrop`, `embd_pdrop`, `attn_pdrop` | checked; a training has its own `--dropout` |
//! | `activation_function`, `layer_norm_epsilon`, `n_inner`, `tie_word_embeddings`, `architectures` … | refused where they ask for another model |
//! | `n_ctx`, `dtype`, `initializer_range`, `reorder_and_upcast_attn` | checked; they change no result |
//! | `summary_*` and everything else | without effect on generation |
//!
//! What this file leaves out: whether the sizes are those of the weights (`weights`).

use std::path::Path;

use serde_json::{Value, json};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use super::{CONFIG_FILE, read_json, shown};
use crate::architecture::Architecture;
use crate::config::GptConfig;
use crate::model::SpecialTokens;

/// The longest `config.json` or `generation_config.json`, in bytes.
const LIMIT: u64 = 16_000_000;

const REMEDY: &str = "restore it, or train the model again";

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
/// crate does not compute, or that fits into no memory, naming the entry.
pub fn read_config(directory: &Path) -> Result<GptConfig> {
    let path = directory.join(CONFIG_FILE);
    let config = Config::read(&path)?.sizes()?;
    config.validate().map_err(|e| Error::format(&path, e.to_string(), REMEDY))?;
    Ok(config)
}

/// A `config.json` or `generation_config.json`, and its path for messages.
pub(super) struct Config<'a> {
    path: &'a Path,
    json: Value,
}

impl<'a> Config<'a> {
    pub(super) fn read(path: &'a Path) -> Result<Self> {
        Config::parse(path, &read_json(path, LIMIT)?)
    }

    pub(super) fn parse(path: &'a Path, text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).map_err(|e| {
            Error::format(path, format!("not JSON: {}", shown(&e.to_string())), REMEDY)
        })?;
        if !json.is_object() {
            return Err(Error::format(path, "it is no JSON object", REMEDY));
        }
        Ok(Config { path, json })
    }

    fn get(&self, entry: &str) -> &Value {
        self.json.get(entry).unwrap_or(&Value::Null)
    }

    fn wrong(&self, entry: &str, expected: &str) -> Error {
        let given =
            self.json.get(entry).map_or("missing".into(), |value| shown(&value.to_string()));
        Error::format(self.path, format!("{entry} is {given}"), format!("expected {expected}"))
    }

    /// A size, under GPT-2's name or under the name that all architectures use.
    fn size(&self, entry: &str, general: &str) -> Result<usize> {
        let read = |entry: &str| {
            let n = self.get(entry).as_u64().and_then(|n| usize::try_from(n).ok());
            n.filter(|&n| n > 0).ok_or_else(|| self.wrong(entry, "a whole number above 0"))
        };
        if self.get(general).is_null() {
            return read(entry);
        }
        let size = read(general)?;
        if !self.get(entry).is_null() && read(entry)? != size {
            return Err(self.wrong(general, &format!("the same as {entry}")));
        }
        Ok(size)
    }

    /// A number, or none where the entry is absent.
    fn number(&self, entry: &str) -> Result<Option<f64>> {
        match self.json.get(entry) {
            None => Ok(None),
            Some(value) => Ok(Some(value.as_f64().ok_or_else(|| self.wrong(entry, "a number"))?)),
        }
    }

    /// The sizes, if everything else describes a model that is computed here.
    pub(super) fn sizes(&self) -> Result<GptConfig> {
        self.check_architecture()?;
        let n_embd = self.size("n_embd", "hidden_size")?;
        let inner = self.get("n_inner");
        if !inner.is_null() && inner.as_u64() != (n_embd as u64).checked_mul(4) {
            return Err(self.wrong("n_inner", "null, or four times n_embd"));
        }
        let mut dropout = 0.1; // GPT-2's own, where the entry is absent
        for entry in ["embd_pdrop", "attn_pdrop", "resid_pdrop"] {
            if let Some(given) = self.number(entry)? {
                if !(0.0..1.0).contains(&given) {
                    return Err(self.wrong(entry, "a probability from 0 to below 1"));
                }
                dropout = given;
            }
        }
        Ok(GptConfig {
            vocab_size: self.size("vocab_size", "vocab_size")?,
            block_size: self.size("n_positions", "max_position_embeddings")?,
            n_layer: self.size("n_layer", "num_hidden_layers")?,
            n_head: self.size("n_head", "num_attention_heads")?,
            n_embd,
            dropout,
            bias: self.get("bias").as_bool().unwrap_or(true),
            arch: Architecture::GPT2,
        })
    }

    /// Checks the settings that GPT-2 has and this crate fixes. An absent entry has its default.
    fn check_architecture(&self) -> Result<()> {
        let (yes, no, none) = (json!(true), json!(false), json!(null));
        let gelu = ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"].map(|name| json!(name));
        let fixed: [(&str, &[Value], &str); 13] = [
            ("model_type", &[json!("gpt2")], "\"gpt2\", the only architecture known here"),
            ("activation_function", &gelu, "\"gelu_new\", the tanh form of GELU"),
            (
                "scale_attn_weights",
                std::slice::from_ref(&yes),
                "true: scores are divided by sqrt(head size)",
            ),
            ("scale_attn_by_inverse_layer_idx", std::slice::from_ref(&no), "false"),
            (
                "tie_word_embeddings",
                std::slice::from_ref(&yes),
                "true: the output shares the token embedding",
            ),
            ("add_cross_attention", std::slice::from_ref(&no), "false"),
            ("is_encoder_decoder", std::slice::from_ref(&no), "false"),
            ("quantization_config", std::slice::from_ref(&none), "weights that are not quantized"),
            ("auto_map", &[none.clone(), json!({})], "a model without code of its own"),
            ("pruned_heads", &[none.clone(), json!({})], "a model with all of its heads"),
            // It changes the precision of intermediate results alone.
            ("reorder_and_upcast_attn", &[yes.clone(), no.clone()], "true or false"),
            ("bias", &[yes.clone(), no.clone(), none.clone()], "true or false"),
            ("use_cache", &[yes.clone(), no.clone()], "true or false"),
        ];
        for (entry, allowed, expected) in fixed {
            if self.json.get(entry).is_some_and(|value| !allowed.contains(value)) {
                return Err(self.wrong(entry, expected));
            }
        }
        let known = |name: &Value| matches!(name.as_str(), Some("GPT2LMHeadModel" | "GPT2Model"));
        match self.get("architectures") {
            Value::Null => {}
            Value::Array(names) if names.iter().all(known) => {}
            _ => {
                let expected = "[\"GPT2LMHeadModel\"]: a GPT-2 that predicts the next token";
                return Err(self.wrong("architectures", expected));
            }
        }
        if self.number("layer_norm_epsilon")?.is_some_and(|eps| eps != 1e-5) {
            return Err(self.wrong("layer_norm_epsilon", "1e-5"));
        }
        self.number("initializer_range")?;
        for entry in ["dtype", "torch_dtype"] {
            if !matches!(self.get(entry), Value::Null | Value::String(_)) {
                return Err(self.wrong(entry, "the name of a type, such as \"float32\""));
            }
        }
        if !matches!(self.get("n_ctx"), Value::Null) && self.get("n_ctx").as_u64().is_none() {
            return Err(self.wrong("n_ctx", "a whole number"));
        }
        Ok(())
    }

    /// The special tokens, where the file has an entry for them. A number outside the vocabulary
    /// never occurs in a text, and is left out.
    fn special(&self, entry: &str, vocab_size: usize) -> Result<Option<Vec<u32>>> {
        let wrong = || self.wrong(entry, "the number of a token, or null");
        let listed = match self.json.get(entry) {
            None => return Ok(None),
            Some(Value::Null) => &[][..],
            Some(Value::Array(several)) => several,
            Some(one) => std::slice::from_ref(one),
        };
        let mut tokens = Vec::new();
        for number in listed {
            let number = number.as_i64().ok_or_else(wrong)?;
            if let Ok(token) = u32::try_from(number)
                && (token as usize) < vocab_size
            {
                tokens.push(token);
            }
        }
        Ok(Some(tokens))
    }
}

/// The special tokens of a model. As in `transformers`, `generation_config.json` goes before
/// `config.json`. Where neither has an entry, the tokenizer's own.
pub(super) fn special_tokens(
    config: &Config,
    generation: Option<&Config>,
    tokenizer: &Tokenizer,
) -> Result<SpecialTokens> {
    let vocab_size = tokenizer.vocab_size();
    let find = |entry| -> Result<Vec<u32>> {
        for file in generation.into_iter().chain([config]) {
            if let Some(tokens) = file.special(entry, vocab_size)? {
                return Ok(tokens);
            }
        }
        Ok(tokenizer.end_of_text().into_iter().collect())
    };
    Ok(SpecialTokens { bos: find("bos_token_id")?.first().copied(), eos: find("eos_token_id")? })
}
