//! The file `tokenizer.json`, in the format of Hugging Face's `tokenizers` library.
//!
//! The vocabulary is spelled, merges are pairs of spelled tokens in the order they were learned, and
//! five more entries say how a text becomes tokens and tokens a text. Each entry has a file here:
//! `pre_tokenizer` the rules of byte-level vocabularies, `sentence_piece` the other kind,
//! `post_processor` the tokens around a text. Files whose entries ask for anything else (lower
//! case, another rule) are refused: other ids without an error would be worse.

mod post_processor;
mod pre_tokenizer;
mod sentence_piece;

use std::path::Path;

use serde_json::{Map, Value, json};

use super::rules::Rules;
use super::{BpeTokenizer, vocabulary};
use crate::Result;
use crate::tokenizer::json::reader::{Reader, short, write_added};
use crate::tokenizer::json::rules::Allowed::{self, Anything, Off, Word};

impl BpeTokenizer {
    /// The content of a `tokenizer.json`.
    pub(in crate::tokenizer) fn to_json(&self) -> String {
        // Where tokens are looked up as a whole, an added token outside the vocabulary stays there.
        let ordinary = |&id: &u32| !self.rules.ignore_merges || self.added.get(id).is_none();
        let in_vocab = (0..self.vocab_size() as u32).rev().find(ordinary).map_or(0, |id| id + 1);
        let vocab: Map<String, Value> =
            (0..in_vocab).map(|id| (self.spelled(id), id.into())).collect();
        let merges: Vec<Value> = self
            .merges
            .iter()
            .map(|merge| format!("{} {}", self.spelled(merge.left), self.spelled(merge.right)))
            .map(Value::from)
            .collect();
        let mut file = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": write_added(&self.added),
            "normalizer": null,
            "pre_tokenizer": null,
            "post_processor": null,
            "decoder": null,
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": self.rules.ignore_merges,
                "vocab": vocab,
                "merges": merges,
            },
        });
        match &self.rules.sentence_piece {
            Some(rules) => sentence_piece::write(rules, &mut file),
            None => {
                if self.rules.nfc {
                    file["normalizer"] = json!({ "type": "NFC" });
                }
                file["pre_tokenizer"] = pre_tokenizer::write(self.rules.pre_tokenizer);
                file["decoder"] = byte_level(true, true);
            }
        }
        file["post_processor"] = post_processor::write(self);
        format!("{file:#}\n")
    }

    /// Reads a file whose model is `BPE`.
    pub(in crate::tokenizer) fn from_json(path: &Path, file: &Value) -> Result<BpeTokenizer> {
        let reader = Reader { path };
        let at = |pointer| file.pointer(pointer).unwrap_or(&Value::Null);
        let of_characters = at("/model/byte_fallback") == &Value::Bool(true);
        let (spelled, added) = reader.vocab(file)?;
        let mut rules = Rules {
            template: post_processor::read(reader, at("/post_processor"), &added)?,
            ..Rules::default()
        };
        let spaces = if of_characters {
            reader.expect(at("/model"), "model", sentence_piece::MODEL)?;
            Some(sentence_piece::read(reader, file, &added)?)
        } else {
            rules.pre_tokenizer = pre_tokenizer::read(reader, at("/pre_tokenizer"))?;
            rules.nfc = pre_tokenizer::read_normalizer(reader, at("/normalizer"), &added)?;
            if at("/decoder/type") != "ByteLevel" {
                return Err(reader.wrong("decoder is not ByteLevel"));
            }
            reader.expect(at("/decoder"), "decoder", OFFSETS)?;
            reader.expect(at("/model"), "model", MODEL)?;
            rules.ignore_merges = at("/model/ignore_merges") == &Value::Bool(true);
            None
        };
        let merges = reader.list(file, "/model/merges")?.iter().enumerate();
        let merges = merges.map(|(place, merge)| {
            halves(merge).ok_or_else(|| {
                let merge = short(&merge.to_string());
                format!("merge {place} is {merge}, not a pair of tokens")
            })
        });
        let tokenizer = match spaces {
            Some(spaces) => vocabulary::of_characters(&spelled, added, merges, spaces, rules),
            None => vocabulary::byte_level(&spelled, added, merges, rules),
        };
        let tokenizer = tokenizer.map_err(|problem| reader.wrong(problem))?;
        if !of_characters {
            tokenizer.expect_no_other_lookup(reader, file)?;
        }
        Ok(tokenizer)
    }

    /// Refuses what would be looked up in the vocabulary and is not here: the token of a byte that
    /// has none, and an added token that is read as text.
    fn expect_no_other_lookup(&self, reader: Reader, file: &Value) -> Result<()> {
        let unknown = file.pointer("/model/unk_token").unwrap_or(&Value::Null);
        if !unknown.is_null() && !self.encoder.has_all_bytes() {
            let unknown = short(&unknown.to_string());
            let problem = "and the vocabulary lacks bytes, which is not supported";
            return Err(reader.wrong(format!("model.unk_token is {unknown}, {problem}")));
        }
        if !self.rules.ignore_merges {
            return Ok(());
        }
        let vocab = reader.object(file, "/model/vocab")?;
        for token in self.added.tokens().iter().filter(|token| token.special || token.single_word) {
            let text = super::bytes::unspell(&token.content);
            let text = text.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            let pre_tokens = self.rules.pre_tokenizer.pre_tokens(&text);
            if pre_tokens.take(2).count() == 1 && vocab.contains_key(&token.content) {
                let token = short(&token.content);
                return Err(reader.wrong(format!(
                    "with model.ignore_merges the added token {token:?} is a word of texts as well"
                )));
            }
        }
        Ok(())
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

/// An entry of type `ByteLevel`, as `decoder` and `post_processor` have it.
fn byte_level(add_prefix_space: bool, trim_offsets: bool) -> Value {
    json!({
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": trim_offsets,
        "use_regex": true,
    })
}

/// The entries of `decoder` and `post_processor` of type `ByteLevel`. They change the offsets of
/// tokens in a text, which are not used here, and not the tokens.
const OFFSETS: &[(&str, Allowed)] = &[
    ("type", Word("ByteLevel")),
    ("add_prefix_space", Anything),
    ("trim_offsets", Anything),
    ("use_regex", Anything),
];

/// The entries of `model` of a byte-level vocabulary.
const MODEL: &[(&str, Allowed)] = &[
    ("type", Word("BPE")),
    ("dropout", Off),
    ("unk_token", Anything),
    ("continuing_subword_prefix", Off),
    ("end_of_word_suffix", Off),
    ("fuse_unk", Anything),
    ("byte_fallback", Off),
    ("ignore_merges", Allowed::Switch),
    ("cache_capacity", Anything),
    ("vocab", Anything),
    ("merges", Anything),
];

#[cfg(test)]
mod tests;
