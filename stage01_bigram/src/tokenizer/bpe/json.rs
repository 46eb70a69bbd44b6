//! The file `tokenizer.json`, in the format of Hugging Face's `tokenizers` library.
//!
//! The vocabulary is spelled in GPT-2's alphabet of bytes, merges are pairs of spelled
//! tokens in the order they were learned, and four more entries say how text is cut and put
//! together. Files whose entries ask for anything else than this tokenizer does (another
//! way of cutting, lower case, tokens added around a text) are refused: to read them and
//! give other numbers would be worse.

use std::path::Path;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::bytes::{letter, spell, unspell};
use super::{BpeTokenizer, Merge};
use crate::Result;
use crate::tokenizer::json::Reader;

impl BpeTokenizer {
    /// The content of a `tokenizer.json`.
    pub(in crate::tokenizer) fn to_json(&self) -> String {
        let spelled = |id: u32| match self.token_bytes(id) {
            Some(bytes) if self.specials.contains(&id) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            bytes => spell(bytes.unwrap_or_default()),
        };
        let vocab: Map<String, Value> =
            (0..self.vocab_size() as u32).map(|id| (spelled(id), id.into())).collect();
        let merges: Vec<Value> = self
            .merges
            .iter()
            .map(|merge| format!("{} {}", spelled(merge.left), spelled(merge.right)).into())
            .collect();
        let added: Vec<Value> = self.specials.iter().map(|&id| special(id, spelled(id))).collect();
        let file = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": {
                "type": "ByteLevel",
                "add_prefix_space": false,
                "trim_offsets": true,
                "use_regex": true,
            },
            "post_processor": {
                "type": "ByteLevel",
                "add_prefix_space": true,
                "trim_offsets": false,
                "use_regex": true,
            },
            "decoder": {
                "type": "ByteLevel",
                "add_prefix_space": true,
                "trim_offsets": true,
                "use_regex": true,
            },
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": false,
                "vocab": vocab,
                "merges": merges,
            },
        });
        format!("{file:#}\n")
    }

    /// Reads a file whose model is `BPE`.
    pub(in crate::tokenizer) fn from_json(path: &Path, file: &Value) -> Result<BpeTokenizer> {
        let reader = Reader { path };
        expect_gpt2_rules(reader, file)?;
        let spelled = reader.vocab(file)?;
        let specials: Vec<u32> = reader.added(file)?.into_iter().map(|(_, id)| id).collect();
        let mut tokens = Vec::with_capacity(spelled.len());
        for (id, token) in spelled.iter().enumerate() {
            tokens.push(if specials.contains(&(id as u32)) {
                token.clone().into_bytes()
            } else {
                unspell(token).ok_or_else(|| {
                    reader.wrong(format!("token {id}, {token:?}, is not spelled in bytes"))
                })?
            });
        }
        let ids: FxHashMap<&str, u32> = spelled
            .iter()
            .zip(0..)
            .filter(|(_, id)| !specials.contains(id))
            .map(|(token, id)| (token.as_str(), id))
            .collect();
        if let Some(byte) =
            (0..=255).find(|&byte| !ids.contains_key(letter(byte).to_string().as_str()))
        {
            return Err(reader.wrong(format!("no token for the byte 0x{byte:02X}")));
        }
        let find = |place: usize, token: &str| {
            ids.get(token).copied().ok_or_else(|| {
                reader.wrong(format!("merge {place} names {token:?}, which is not in model.vocab"))
            })
        };
        let mut merges = Vec::new();
        for (place, merge) in reader.list(file, "/model/merges")?.iter().enumerate() {
            let (left, right) = halves(merge).ok_or_else(|| {
                reader.wrong(format!("merge {place} is {merge}, not a pair of tokens"))
            })?;
            merges.push(Merge {
                left: find(place, left)?,
                right: find(place, right)?,
                id: find(place, &format!("{left}{right}"))?,
            });
        }
        Ok(BpeTokenizer::new(&tokens, merges, specials))
    }
}

/// One entry of `added_tokens`.
fn special(id: u32, content: String) -> Value {
    json!({
        "id": id,
        "content": content,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": false,
        "special": true,
    })
}

/// A merge is `"a b"` in older files and `["a", "b"]` in newer ones.
fn halves(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(both) => both.split_once(' '),
        Value::Array(both) => match &both[..] {
            [left, right] => left.as_str().zip(right.as_str()),
            _ => None,
        },
        _ => None,
    }
}

/// Refuses a file that encodes text by other rules than GPT-2's.
fn expect_gpt2_rules(reader: Reader, file: &Value) -> Result<()> {
    let at = |pointer| file.pointer(pointer).unwrap_or(&Value::Null);
    let absent = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
    if at("/pre_tokenizer/type") != "ByteLevel"
        || at("/pre_tokenizer/use_regex") == &Value::Bool(false)
    {
        return Err(reader.wrong("pre_tokenizer does not cut text as GPT-2 does (ByteLevel)"));
    }
    if at("/decoder/type") != "ByteLevel" {
        return Err(reader.wrong("decoder is not ByteLevel"));
    }
    if !matches!(at("/post_processor/type"), Value::Null)
        && at("/post_processor/type") != "ByteLevel"
    {
        return Err(reader.wrong("post_processor adds tokens to a text, which is not supported"));
    }
    for (pointer, name) in [
        ("/normalizer", "normalizer"),
        ("/pre_tokenizer/add_prefix_space", "pre_tokenizer.add_prefix_space"),
        ("/model/dropout", "model.dropout"),
        ("/model/byte_fallback", "model.byte_fallback"),
        ("/model/ignore_merges", "model.ignore_merges"),
    ] {
        if !absent(at(pointer)) {
            return Err(reader.wrong(format!("{name} is {}, which is not supported", at(pointer))));
        }
    }
    for (pointer, name) in [
        ("/model/continuing_subword_prefix", "model.continuing_subword_prefix"),
        ("/model/end_of_word_suffix", "model.end_of_word_suffix"),
    ] {
        if !absent(at(pointer)) && at(pointer) != "" {
            return Err(reader.wrong(format!("{name} is {}, which is not supported", at(pointer))));
        }
    }
    Ok(())
}
