//! The entries of a vocabulary in the manner of SentencePiece.
//!
//! Older programs write its spaces as a `normalizer`: `▁` is put before a text, then each space is
//! replaced. Newer ones write a `pre_tokenizer`, `Metaspace`. The decoder is a sequence: `▁` becomes
//! a space, runs of byte tokens become characters, all tokens become one text, which loses one space
//! at its beginning.

use serde_json::{Value, json};

use super::super::sentence_piece::{Prepend, SentencePiece};
use crate::Result;
use crate::tokenizer::added::AddedTokens;
use crate::tokenizer::json::reader::{Reader, short};
use crate::tokenizer::json::rules::Allowed::{self, Anything, Exactly, False, Off, On, Word};

/// Sets the entries of a file.
pub(super) fn write(rules: &SentencePiece, file: &mut Value) {
    let metaspace = |scheme: &str| json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false });
    match rules.prepend {
        Prepend::Part => file["normalizer"] = normalizer(),
        Prepend::Missing => file["pre_tokenizer"] = metaspace("always"),
        Prepend::First => file["pre_tokenizer"] = metaspace("first"),
        Prepend::Never => file["pre_tokenizer"] = metaspace("never"),
    }
    file["decoder"] = decoder(rules.strip);
    file["model"]["byte_fallback"] = true.into();
    file["model"]["fuse_unk"] = true.into();
}

/// The normaliser of Llama 2.
fn normalizer() -> Value {
    json!({
        "type": "Sequence",
        "normalizers": [
            { "type": "Prepend", "prepend": "▁" },
            { "type": "Replace", "pattern": { "String": " " }, "content": "▁" },
        ],
    })
}

fn decoder(strip: bool) -> Value {
    let mut decoders = vec![
        json!({ "type": "Replace", "pattern": { "String": "▁" }, "content": " " }),
        json!({ "type": "ByteFallback" }),
        json!({ "type": "Fuse" }),
    ];
    if strip {
        decoders.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
    }
    json!({ "type": "Sequence", "decoders": decoders })
}

/// Where a space is put before a text, and whether one is taken away again.
///
/// # Errors
/// [`crate::Error::Format`], naming what is not supported.
pub(super) fn read(reader: Reader, file: &Value, added: &AddedTokens) -> Result<(Prepend, bool)> {
    let not_supported = |name: &str| {
        let shown = short(&file[name].to_string());
        reader.wrong(format!("{name} is {shown}, which is not supported with byte_fallback"))
    };
    let strip = match &file["decoder"] {
        entry if *entry == decoder(true) => true,
        entry if *entry == decoder(false) => false,
        _ => return Err(not_supported("decoder")),
    };
    if file["normalizer"] == normalizer() {
        if !file["pre_tokenizer"].is_null() {
            return Err(not_supported("pre_tokenizer"));
        }
        // The library would normalise its spelling, too, and find it after a space alone.
        if let Some(token) = added.tokens().iter().find(|token| token.normalized) {
            let token = short(&token.content);
            return Err(reader.wrong(format!(
                "the added token {token:?} is `normalized`, which is not supported with this \
                 normalizer"
            )));
        }
        return Ok((Prepend::Part, strip));
    }
    if !file["normalizer"].is_null() {
        return Err(not_supported("normalizer"));
    }
    let entry = &file["pre_tokenizer"];
    if entry["type"] != "Metaspace" {
        return Err(not_supported("pre_tokenizer"));
    }
    reader.expect(entry, "pre_tokenizer", METASPACE)?;
    let prepend = match entry["prepend_scheme"].as_str() {
        Some("always") => Prepend::Missing,
        Some("first") => Prepend::First,
        Some("never") => Prepend::Never,
        _ => return Err(not_supported("pre_tokenizer")),
    };
    Ok((prepend, strip))
}

const METASPACE: &[(&str, Allowed)] = &[
    ("type", Word("Metaspace")),
    ("replacement", Exactly("▁")),
    ("prepend_scheme", Anything),
    ("split", False),
];

/// The entries of `model`. Every byte is a token, so no text is unknown.
pub(super) const MODEL: &[(&str, Allowed)] = &[
    ("type", Word("BPE")),
    ("dropout", Off),
    ("unk_token", Anything),
    ("continuing_subword_prefix", Off),
    ("end_of_word_suffix", Off),
    ("fuse_unk", Anything),
    ("byte_fallback", On),
    ("ignore_merges", Off),
    ("cache_capacity", Anything),
    ("vocab", Anything),
    ("merges", Anything),
];
