//! What the files of a model say about its texts, and what is kept of it when the model is saved
//! again: the chat template, the special tokens, the defaults of generation.
//!
//! | file | what is kept |
//! |---|---|
//! | `tokenizer_config.json` | the special tokens by their spelling, the chat template, the sides of padding and truncation |
//! | `chat_template.jinja` | the chat template; newer versions of `transformers` write it there, and it goes before the other |
//! | `generation_config.json` | everything |
//!
//! A chat template is a program in the language Jinja, which makes one text of the turns of a
//! conversation. Here it is a text: it is read, kept and written; the module `chat`, behind the
//! feature of this name, runs it. It is written into both files: version 4.44 of `transformers` knows
//! the first only, and later ones prefer the second.
//!
//! Of a tokenizer's other entries most choose a class of `transformers` with rules of its own. They
//! are not kept, because `tokenizer.json` has the rules (see `tokenizer_config`). Left out, too:
//! further templates in `additional_chat_templates`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Map, Value, json};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};

use super::config_json::{Config, special_tokens};
use super::{
    CHAT_TEMPLATE_FILE, CONFIG_FILE, GENERATION_CONFIG_FILE, TOKENIZER_CONFIG_FILE, read_json,
    shown,
};
use crate::model::SpecialTokens;

/// The longest of these files, in bytes.
const LIMIT: u64 = 16_000_000;

/// The entries of `tokenizer_config.json` that hold the spelling of one token.
const TOKENS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The entry with the spellings of further special tokens, under the name that all versions of
/// `transformers` read, and the newer name.
const FURTHER: [&str; 2] = ["additional_special_tokens", "extra_special_tokens"];

/// What the files of a model say about its texts, besides [`SpecialTokens`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextSettings {
    /// The chat template, in Jinja; the one named `default` where there are several.
    pub chat_template: Option<String>,
    /// Entries of `tokenizer_config.json`.
    tokenizer: Map<String, Value>,
    /// Entries of `generation_config.json`, without those of [`SpecialTokens`].
    generation: Map<String, Value>,
}

/// Reads the special tokens and the settings of texts from the directory of a model.
///
/// # Errors
/// [`Error::File`] when a file cannot be read, and when `config.json` is missing; [`Error::Format`]
/// when one is not what it should be, naming the entry.
pub fn read_text_settings(
    directory: &Path,
    tokenizer: &Tokenizer,
) -> Result<(SpecialTokens, TextSettings)> {
    let path = directory.join(CONFIG_FILE);
    let config = Config::read(&path)?;
    let path = directory.join(GENERATION_CONFIG_FILE);
    let (generation, mut kept) = match path.exists() {
        true => (Some(Config::read(&path)?), object(&path)?),
        false => (None, Map::new()),
    };
    let special = special_tokens(&config, generation.as_ref(), tokenizer)?;
    retain_defaults(&mut kept);
    Ok((special, TextSettings::read(directory, kept, tokenizer)?))
}

/// [`read_text_settings`] for a directory without a `config.json`, beside a tokenizer of its own: an
/// adapter's. Where it has no `generation_config.json`, that of the base model counts.
pub(in crate::files) fn read_adapter_text_settings(
    directory: &Path,
    tokenizer: &Tokenizer,
    (special, base): (&SpecialTokens, &TextSettings),
) -> Result<(SpecialTokens, TextSettings)> {
    let path = directory.join(GENERATION_CONFIG_FILE);
    let (special, mut kept) = match path.exists() {
        true => (special_tokens(&Config::read(&path)?, None, tokenizer)?, object(&path)?),
        false => (special.clone(), base.generation.clone()),
    };
    retain_defaults(&mut kept);
    Ok((special, TextSettings::read(directory, kept, tokenizer)?))
}

/// Keeps what [`SpecialTokens`] does not have.
fn retain_defaults(generation: &mut Map<String, Value>) {
    let said = ["bos_token_id", "eos_token_id", "_from_model_config"];
    generation.retain(|entry, _| !said.contains(&&**entry));
}

impl TextSettings {
    fn read(
        directory: &Path,
        generation: Map<String, Value>,
        tokenizer: &Tokenizer,
    ) -> Result<TextSettings> {
        let path = directory.join(TOKENIZER_CONFIG_FILE);
        let all = if path.exists() { object(&path)? } else { Map::new() };
        let mut kept = Map::new();
        for entry in TOKENS {
            // Other libraries would add a token that the tokenizer does not have, behind the last
            // one that the model has.
            if let Some(spelling) = spelling(&path, entry, all.get(entry))?
                && is_token(tokenizer, spelling)
            {
                kept.insert(entry.into(), json!(spelling));
            }
        }
        let further = FURTHER.iter().filter_map(|name| all.get(*name)?.as_array()).flatten();
        let mut spellings = Vec::new();
        for token in further {
            if let Some(spelling) = spelling(&path, FURTHER[0], Some(token))?
                && is_token(tokenizer, spelling)
                && !spellings.contains(&spelling)
            {
                spellings.push(spelling);
            }
        }
        if !spellings.is_empty() {
            kept.insert(FURTHER[0].into(), json!(spellings));
        }
        for entry in ["padding_side", "truncation_side"] {
            match all.get(entry) {
                None | Some(Value::Null) => {}
                Some(side) if *side == "left" || *side == "right" => {
                    kept.insert(entry.into(), side.clone());
                }
                Some(other) => return Err(wrong(&path, entry, other, "\"left\" or \"right\"")),
            }
        }
        let mut chat_template = template(&path, all.get("chat_template"))?;
        let path = directory.join(CHAT_TEMPLATE_FILE);
        if path.exists() {
            chat_template = Some(read_json(&path, LIMIT)?);
        }
        Ok(TextSettings { chat_template, tokenizer: kept, generation })
    }

    /// The spelling of a special token by the name of its entry, such as `bos_token`.
    pub fn token(&self, entry: &str) -> Option<&str> {
        self.tokens().find(|(name, _)| *name == entry).map(|(_, spelling)| spelling)
    }

    /// The entries that hold the spelling of one special token: names and spellings.
    pub fn tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.tokenizer.iter().filter(|(name, _)| TOKENS.contains(&&***name));
        entries.filter_map(|(name, spelling)| Some((&**name, spelling.as_str()?)))
    }

    /// Adds what is kept to a `tokenizer_config.json`.
    pub(super) fn complete(&self, tokenizer_config: &mut Value) {
        for (entry, value) in &self.tokenizer {
            tokenizer_config[entry] = value.clone();
        }
        if let Some(template) = &self.chat_template {
            tokenizer_config["chat_template"] = json!(template);
        }
    }

    /// The content of `generation_config.json`.
    ///
    /// Without `pad_token_id` version 4 of `transformers` warns whenever a text is generated, so it
    /// is the token that ends a text, which is what that version then takes. The tokenizer itself
    /// gets no `pad_token` for it, as GPT-2's has none: where it is the token that ends a text,
    /// training in other libraries leaves both out of the loss, and the model never learns to end.
    pub(super) fn generation_config(&self, special: &SpecialTokens) -> Value {
        let eos = match &special.eos[..] {
            [] => Value::Null,
            [one] => json!(one),
            several => json!(several),
        };
        let mut all = json!({ "bos_token_id": special.bos, "eos_token_id": eos });
        for (entry, value) in &self.generation {
            all[entry] = value.clone();
        }
        if let Some(end) = special.eos.first()
            && all.get("pad_token_id").is_none_or(Value::is_null)
        {
            all["pad_token_id"] = json!(end);
        }
        all
    }

    /// Writes `chat_template.jinja`, or removes the one of another model.
    pub(super) fn save_template(&self, directory: &Path) -> Result<()> {
        let path = directory.join(CHAT_TEMPLATE_FILE);
        match &self.chat_template {
            Some(template) => files::write_bytes(&path, template.as_bytes()),
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(Error::file("remove", &path)(error))
                }
                _ => Ok(()),
            },
        }
    }
}

/// A file that is one JSON object.
fn object(path: &Path) -> Result<Map<String, Value>> {
    match serde_json::from_str(&read_json(path, LIMIT)?) {
        Ok(Value::Object(entries)) => Ok(entries),
        Ok(_) => Err(Error::format(path, "it is no JSON object", "restore it, or remove it")),
        Err(error) => {
            let problem = format!("not JSON: {}", shown(&error.to_string()));
            Err(Error::format(path, problem, "restore it, or remove it"))
        }
    }
}

fn wrong(path: &Path, entry: &str, given: &Value, expected: &str) -> Error {
    let problem = format!("{entry} is {}", shown(&given.to_string()));
    Error::format(path, problem, format!("expected {expected}"))
}

/// The spelling of a special token: a text, or an object that has it as its `content`.
fn spelling<'v>(path: &Path, entry: &str, value: Option<&'v Value>) -> Result<Option<&'v str>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(value) => match value.get("content") {
            Some(Value::String(text)) => Ok(Some(text)),
            _ => Err(wrong(path, entry, value, "the spelling of a token")),
        },
    }
}

/// Whether a text is one of the added tokens.
fn is_token(tokenizer: &Tokenizer, spelling: &str) -> bool {
    tokenizer.added_tokens().iter().any(|token| token.content == spelling)
}

/// The chat template of `tokenizer_config.json`: a text, or a list of several with names.
fn template(path: &Path, value: Option<&Value>) -> Result<Option<String>> {
    let expected = "a text, or a list of objects with name and template";
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(several)) => {
            let default = several.iter().find(|one| one["name"] == "default");
            let text = default.map(|one| one["template"].as_str().map(str::to_string));
            match text {
                None => Ok(None),
                Some(Some(text)) => Ok(Some(text)),
                Some(None) => Err(wrong(path, "chat_template", &several[0], expected)),
            }
        }
        Some(other) => Err(wrong(path, "chat_template", other, expected)),
    }
}

#[cfg(test)]
mod tests;
