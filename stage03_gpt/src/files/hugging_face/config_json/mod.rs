//! `config.json`: the sizes and parts of a model, as `transformers` reads and writes them.
//!
//! A model has more settings there than this crate implements. Each entry is followed, or changes no
//! result, or is refused by its name; an entry of a wrong type is refused too. What each family of
//! models has is in a file of its own: [`gpt2`], [`llama`], and [`own`] for mixtures of parts. All have:
//!
//! | entry | |
//! |---|---|
//! | `vocab_size`, `hidden_size`, `num_hidden_layers`, `num_attention_heads` | followed |
//! | `bos_token_id`, `eos_token_id` | followed when text is generated |
//! | `tie_word_embeddings` | followed |
//! | `dtype`, `initializer_range`, `use_cache` | checked; they change no result |
//! | `quantization_config`, `auto_map`, `is_encoder_decoder` … | refused where they ask for another model |
//! | everything else | without effect on generation |
//!
//! What this file leaves out: whether the sizes are those of the weights (`weights`).

mod gpt2;
mod llama;
mod own;

use std::path::Path;

use serde_json::{Value, json};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use super::family::Family;
use super::{CONFIG_FILE, read_json, shown};
use crate::config::GptConfig;
use crate::files::entries::in_the_words_of;
use crate::model::SpecialTokens;

/// The longest `config.json` or `generation_config.json`, in bytes.
const LIMIT: u64 = 16_000_000;

const REMEDY: &str = "restore it, or train the model again";

/// `config.json` as `transformers` reads it.
pub(super) fn config_json(config: &GptConfig, tokenizer: &Tokenizer) -> Value {
    let mut json = match Family::of(config) {
        Family::Gpt2 => gpt2::config_json(config),
        Family::Llama | Family::Qwen2 => llama::config_json(config),
        Family::Own => own::config_json(config),
    };
    let end_of_text = tokenizer.end_of_text();
    json["bos_token_id"] = json!(end_of_text);
    json["eos_token_id"] = json!(end_of_text);
    json["tie_word_embeddings"] = json!(config.arch.tie_weights);
    json["dtype"] = json!("float32");
    json
}

/// Reads `config.json`.
///
/// # Errors
/// [`Error::File`] when it is missing; [`Error::Format`] when it describes a model that this
/// crate does not compute, or that fits into no memory, naming the entry.
pub fn read_config(directory: &Path) -> Result<GptConfig> {
    let path = directory.join(CONFIG_FILE);
    let config = Config::read(&path)?.sizes()?;
    check(&config, &path)?;
    require_memory(&config, &path)?;
    Ok(config)
}

/// Checks that sizes fit together. path: the `config.json` that they came from.
///
/// # Errors
/// [`Error::Format`] naming the entry.
pub(super) fn check(config: &GptConfig, path: &Path) -> Result<()> {
    let entries = match Family::of(config) {
        Family::Gpt2 => gpt2::ENTRIES,
        Family::Llama | Family::Qwen2 => llama::ENTRIES,
        Family::Own => own::ENTRIES,
    };
    let wrong = |e| Error::format(path, in_the_words_of(entries, &e), REMEDY);
    config.check().map_err(wrong)
}

/// Checks that a model fits into memory. path: where its sizes came from.
///
/// # Errors
/// [`Error::Format`] with what to do about it.
pub(super) fn require_memory(config: &GptConfig, path: &Path) -> Result<()> {
    let remedy = "restore the file, if it asks for more than the model has";
    (config.require_memory("take a smaller model"))
        .map_err(|e| Error::format(path, e.to_string(), remedy))
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

    /// A size that may be absent or null.
    fn optional_size(&self, entry: &str) -> Result<Option<usize>> {
        match self.get(entry) {
            Value::Null => Ok(None),
            _ => self.size(entry, entry).map(Some),
        }
    }

    /// An entry that is true or false, or what it stands for when it is absent.
    fn flag(&self, entry: &str, absent: bool) -> Result<bool> {
        match self.get(entry) {
            Value::Null => Ok(absent),
            value => value.as_bool().ok_or_else(|| self.wrong(entry, "true or false")),
        }
    }

    /// The dropout probability under some entries, the last of which counts.
    fn dropout(&self, entries: &[&str], absent: f64) -> Result<f64> {
        let mut dropout = absent;
        for entry in entries {
            if let Some(given) = self.number(entry)? {
                if !(0.0..1.0).contains(&given) {
                    return Err(self.wrong(entry, "a probability from 0 to below 1"));
                }
                dropout = given;
            }
        }
        Ok(dropout)
    }

    /// The family of the model.
    pub(super) fn family(&self) -> Result<Family> {
        let named = match self.json.get("model_type") {
            None => Some(Family::Gpt2),
            Some(name) => name.as_str().and_then(Family::named),
        };
        named.ok_or_else(|| {
            let known =
                "\"gpt2\", \"llama\", \"mistral\" or \"qwen2\", the architectures known here";
            self.wrong("model_type", known)
        })
    }

    /// The sizes and parts, if everything else describes a model that is computed here.
    pub(super) fn sizes(&self) -> Result<GptConfig> {
        let config = match self.family()? {
            Family::Gpt2 => gpt2::sizes(self)?,
            family @ (Family::Llama | Family::Qwen2) => llama::sizes(self, family)?,
            Family::Own => own::sizes(self)?,
        };
        Ok(config.with_defaults_unsaid())
    }

    /// Refuses entries that ask for what is not computed here. An absent entry has its default.
    fn fixed(&self, fixed: &[(&str, &[Value], &str)]) -> Result<()> {
        for &(entry, allowed, expected) in fixed {
            if self.json.get(entry).is_some_and(|value| !allowed.contains(value)) {
                return Err(self.wrong(entry, expected));
            }
        }
        Ok(())
    }

    /// Checks what every family has and this crate fixes.
    fn check_common(&self, architectures: &[&str]) -> Result<()> {
        let (yes, no, none) = (json!(true), json!(false), json!(null));
        self.fixed(&[
            ("add_cross_attention", std::slice::from_ref(&no), "false"),
            ("is_encoder_decoder", std::slice::from_ref(&no), "false"),
            ("quantization_config", std::slice::from_ref(&none), "weights that are not quantized"),
            ("auto_map", &[none.clone(), json!({})], "a model without code of its own"),
            ("pruned_heads", &[none.clone(), json!({})], "a model with all of its heads"),
            ("use_cache", &[yes, no.clone()], "true or false"),
        ])?;
        let known = |name: &Value| name.as_str().is_some_and(|name| architectures.contains(&name));
        match self.get("architectures") {
            Value::Null => {}
            Value::Array(names) if names.iter().all(known) => {}
            _ => {
                let first = architectures[0];
                let expected = format!("[\"{first}\"]: a model that predicts the next token");
                return Err(self.wrong("architectures", &expected));
            }
        }
        self.number("initializer_range")?;
        for entry in ["dtype", "torch_dtype"] {
            if !matches!(self.get(entry), Value::Null | Value::String(_)) {
                return Err(self.wrong(entry, "the name of a type, such as \"float32\""));
            }
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
