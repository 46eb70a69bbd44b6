//! The entries `pre_tokenizer` and `normalizer` of byte-level vocabularies.
//!
//! Each rule has one form or a few, as the libraries write it. A regular expression is not
//! interpreted: it is one of those below, letter by letter, or refused.

use serde_json::{Value, json};

use super::super::pre_tokenizer::PreTokenizer;
use super::byte_level;
use crate::Result;
use crate::tokenizer::added::AddedTokens;
use crate::tokenizer::json::reader::{Reader, short};
use crate::tokenizer::json::rules::Allowed::{self, Anything, False, True, Word};

/// The regular expression of GPT-2's rule, as OpenAI published it.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// The regular expression of Llama 3's rule.
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The regular expression of Qwen2's rule.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The entry of a rule.
pub(super) fn write(rule: PreTokenizer) -> Value {
    let byte_level = |use_regex: bool| {
        let mut entry = byte_level(false, true);
        entry["use_regex"] = use_regex.into();
        entry
    };
    let split = |pattern: &str| {
        json!({
            "type": "Split",
            "pattern": { "Regex": pattern },
            "behavior": "Isolated",
            "invert": false,
        })
    };
    let both = |first: Value, second: Value| json!({ "type": "Sequence", "pretokenizers": [first, second] });
    match rule {
        PreTokenizer::Gpt2 => byte_level(true),
        PreTokenizer::SmolLm => {
            both(json!({ "type": "Digits", "individual_digits": true }), byte_level(true))
        }
        PreTokenizer::Llama3 => both(split(LLAMA3), byte_level(false)),
        PreTokenizer::Qwen2 => both(split(QWEN2), byte_level(false)),
    }
}

/// The rule of an entry.
///
/// # Errors
/// [`crate::Error::Format`], naming what is not supported.
pub(super) fn read(reader: Reader, entry: &Value) -> Result<PreTokenizer> {
    let kind = |entry: &Value| entry["type"].as_str().unwrap_or("nothing").to_string();
    match &*kind(entry) {
        "ByteLevel" => {
            reader.expect(entry, "pre_tokenizer", BYTE_LEVEL)?;
            Ok(PreTokenizer::Gpt2)
        }
        "Sequence" => {
            reader.expect(entry, "pre_tokenizer", SEQUENCE)?;
            let all = entry["pretokenizers"].as_array().map(Vec::as_slice).unwrap_or_default();
            match (all, &*all.iter().map(kind).collect::<Vec<_>>().join(", ")) {
                ([digits, rest], "Digits, ByteLevel") => {
                    reader.expect(digits, "pre_tokenizer", DIGITS)?;
                    reader.expect(rest, "pre_tokenizer", BYTE_LEVEL)?;
                    Ok(PreTokenizer::SmolLm)
                }
                ([split, rest], "Split, ByteLevel") => {
                    reader.expect(split, "pre_tokenizer", SPLIT)?;
                    reader.expect(rest, "pre_tokenizer", BYTES_ALONE)?;
                    by_regex(reader, &split["pattern"])
                }
                (_, kinds) => Err(not_supported(reader, &format!("[{}]", short(kinds)))),
            }
        }
        other => Err(not_supported(reader, &short(other))),
    }
}

/// The rule of a regular expression.
fn by_regex(reader: Reader, pattern: &Value) -> Result<PreTokenizer> {
    let known =
        [(GPT2, PreTokenizer::Gpt2), (LLAMA3, PreTokenizer::Llama3), (QWEN2, PreTokenizer::Qwen2)];
    let regex = pattern["Regex"].as_str();
    let found = known.into_iter().find(|(known, _)| regex == Some(*known));
    found.map(|(_, rule)| rule).ok_or_else(|| {
        let pattern = short(&pattern.to_string());
        reader.wrong(format!(
            "pre_tokenizer cuts texts at {pattern}, and of regular expressions only those of \
             GPT-2, Llama 3 and Qwen2 are supported"
        ))
    })
}

fn not_supported(reader: Reader, kind: &str) -> crate::Error {
    reader.wrong(format!("pre_tokenizer is {kind}, which is not supported"))
}

/// Whether the entry `normalizer` asks for the normal form C.
///
/// The `tokenizers` library has tables of an older Unicode: two combining marks in a row, of which
/// one was encoded after 2016, may stay in another order there.
///
/// # Errors
/// [`crate::Error::Format`] for any other, and where the spelling of an added token is changed by
/// it.
pub(super) fn read_normalizer(reader: Reader, entry: &Value, added: &AddedTokens) -> Result<bool> {
    if entry.is_null() {
        return Ok(false);
    }
    if entry["type"] != "NFC" {
        let shown = short(&entry.to_string());
        return Err(reader.wrong(format!("normalizer is {shown}, which is not supported")));
    }
    reader.expect(entry, "normalizer", &[("type", Word("NFC"))])?;
    let is_changed = |content: &str| !unicode_normalization::is_nfc(content);
    match added.tokens().iter().find(|token| token.normalized && is_changed(&token.content)) {
        Some(token) => {
            let token = short(&token.content);
            Err(reader.wrong(format!("the added token {token:?} is changed by normalizer NFC")))
        }
        None => Ok(true),
    }
}

const SEQUENCE: &[(&str, Allowed)] = &[("type", Word("Sequence")), ("pretokenizers", Anything)];

const DIGITS: &[(&str, Allowed)] = &[("type", Word("Digits")), ("individual_digits", Allowed::On)];

const SPLIT: &[(&str, Allowed)] = &[
    ("type", Word("Split")),
    ("pattern", Anything),
    ("behavior", Allowed::Exactly("Isolated")),
    ("invert", False),
];

/// Bytes, after GPT-2's rule.
const BYTE_LEVEL: &[(&str, Allowed)] = &[
    ("type", Word("ByteLevel")),
    ("add_prefix_space", False),
    ("trim_offsets", Anything),
    ("use_regex", True),
];

/// Bytes, without a rule.
const BYTES_ALONE: &[(&str, Allowed)] = &[
    ("type", Word("ByteLevel")),
    ("add_prefix_space", False),
    ("trim_offsets", Anything),
    ("use_regex", False),
];
