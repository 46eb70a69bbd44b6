//! The file `tokenizer.json`, in the format of Hugging Face's `tokenizers` library.
//!
//! The vocabulary is spelled in GPT-2's alphabet of bytes, merges are pairs of spelled tokens in
//! the order they were learned, and four more entries describe pre-tokenization and decoding. Files
//! whose entries ask for anything else (other pre-tokenization, lower case, tokens added around a
//! text) are refused: other ids without an error would be worse.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::bytes::spell;
use super::rules::Rules;
use super::{BpeTokenizer, vocabulary};
use crate::Result;
use crate::tokenizer::json::reader::{Reader, short, write_added};
use crate::tokenizer::json::rules::Allowed::{self, Anything, False, Off, True, Word};

impl BpeTokenizer {
    /// The content of a `tokenizer.json`.
    pub(in crate::tokenizer) fn to_json(&self) -> String {
        let spelled = |id: u32| match self.added.get(id) {
            Some(token) => token.content.clone(),
            None => spell(self.token_bytes(id).unwrap_or_default()),
        };
        let vocab: Map<String, Value> =
            (0..self.vocab_size() as u32).map(|id| (spelled(id), id.into())).collect();
        let merges: Vec<Value> = self
            .merges
            .iter()
            .map(|merge| format!("{} {}", spelled(merge.left), spelled(merge.right)).into())
            .collect();
        let file = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": write_added(&self.added),
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
        let (spelled, added) = reader.vocab(file)?;
        let merges = reader.list(file, "/model/merges")?.iter().enumerate();
        let merges = merges.map(|(place, merge)| {
            halves(merge).ok_or_else(|| {
                let merge = short(&merge.to_string());
                format!("merge {place} is {merge}, not a pair of tokens")
            })
        });
        vocabulary::assemble(&spelled, added, merges, Rules::default())
            .map_err(|problem| reader.wrong(problem))
    }
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
    if at("/pre_tokenizer/type") != "ByteLevel"
        || at("/pre_tokenizer/use_regex") == &Value::Bool(false)
    {
        return Err(reader.wrong("pre_tokenizer does not cut text as GPT-2 does (ByteLevel)"));
    }
    if at("/decoder/type") != "ByteLevel" {
        return Err(reader.wrong("decoder is not ByteLevel"));
    }
    expect_no_more_tokens(reader, at("/post_processor"))?;
    reader.expect(at("/decoder"), "decoder", PLACES)?;
    reader.expect(at("/pre_tokenizer"), "pre_tokenizer", PRE_TOKENIZER)?;
    reader.expect(at("/model"), "model", MODEL)
}

/// Refuses a post-processor that may add tokens to a text. Three kinds add none: `ByteLevel`, a
/// template of the text alone, which `transformers` 5 writes for GPT-2, and a sequence of such.
fn expect_no_more_tokens(reader: Reader, processor: &Value) -> Result<()> {
    let may_add =
        || reader.wrong("post_processor may add tokens to a text, which is not supported");
    if processor.is_null() {
        return Ok(());
    }
    match processor.get("type").and_then(Value::as_str) {
        Some("ByteLevel") => reader.expect(processor, "post_processor", PLACES),
        Some("TemplateProcessing") => {
            let text_alone = match processor.get("single").and_then(Value::as_array) {
                Some(parts) => {
                    parts.len() == 1
                        && parts[0].pointer("/Sequence/id").is_some_and(|text| text == "A")
                }
                None => false,
            };
            if !text_alone {
                return Err(may_add());
            }
            reader.expect(processor, "post_processor", TEMPLATE)
        }
        Some("Sequence") => {
            reader.expect(processor, "post_processor", SEQUENCE)?;
            let all = processor.get("processors").and_then(Value::as_array).ok_or_else(may_add)?;
            // Nested sequences are not supported: no known program writes them.
            if all.iter().any(|one| one.get("type").is_none_or(|kind| kind == "Sequence")) {
                return Err(may_add());
            }
            all.iter().try_for_each(|one| expect_no_more_tokens(reader, one))
        }
        _ => Err(may_add()),
    }
}

/// The entries of a `post_processor` that is a template. `pair` is for two texts at once.
const TEMPLATE: &[(&str, Allowed)] = &[
    ("type", Word("TemplateProcessing")),
    ("single", Anything),
    ("pair", Anything),
    ("special_tokens", Anything),
];

/// The entries of a `post_processor` that is made of several.
const SEQUENCE: &[(&str, Allowed)] = &[("type", Word("Sequence")), ("processors", Anything)];

/// The entries of `pre_tokenizer`.
const PRE_TOKENIZER: &[(&str, Allowed)] = &[
    ("type", Word("ByteLevel")),
    ("add_prefix_space", False),
    ("trim_offsets", Anything),
    ("use_regex", True),
];

/// The entries of `decoder` and `post_processor`. They change the offsets of tokens in a text,
/// which are not used here, and not the tokens.
const PLACES: &[(&str, Allowed)] = &[
    ("type", Word("ByteLevel")),
    ("add_prefix_space", Anything),
    ("trim_offsets", Anything),
    ("use_regex", Anything),
];

/// The entries of `model`. Every byte is a token, so no text is unknown.
const MODEL: &[(&str, Allowed)] = &[
    ("type", Word("BPE")),
    ("dropout", Off),
    ("unk_token", Anything),
    ("continuing_subword_prefix", Off),
    ("end_of_word_suffix", Off),
    ("fuse_unk", Anything),
    ("byte_fallback", Off),
    ("ignore_merges", Off),
    ("cache_capacity", Anything),
    ("vocab", Anything),
    ("merges", Anything),
];
