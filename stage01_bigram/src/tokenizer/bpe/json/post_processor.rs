//! The entry `post_processor`: the special tokens around a text.
//!
//! A text is encoded without them here; [`Template`] tells a caller what they are. Three types are
//! read: `ByteLevel`, which adds nothing, `TemplateProcessing`, a list of special tokens and the
//! text between them, and a sequence of such, of which one may be a template.

use serde_json::{Map, Value, json};

use super::super::BpeTokenizer;
use super::super::rules::Template;
use super::{OFFSETS, byte_level};
use crate::Result;
use crate::tokenizer::added::AddedTokens;
use crate::tokenizer::json::reader::{Reader, short};
use crate::tokenizer::json::rules::Allowed::{self, Anything, Word};

/// Tokens around a text, at most; real templates have one or two.
const MOST: usize = 64;

/// The entry of a tokenizer.
pub(super) fn write(tokenizer: &BpeTokenizer) -> Value {
    let Template { before, after } = tokenizer.template();
    let is_byte_level = tokenizer.rules.sentence_piece.is_none();
    if before.is_empty() && after.is_empty() {
        return if is_byte_level { byte_level(true, false) } else { Value::Null };
    }
    let around = |ids: &[u32], type_id: u32| -> Vec<Value> {
        let token = |&id: &u32| json!({ "SpecialToken": { "id": tokenizer.spelled(id), "type_id": type_id } });
        ids.iter().map(token).collect()
    };
    let text = |name: &str, type_id: u32| {
        let text = vec![json!({ "Sequence": { "id": name, "type_id": type_id } })];
        [around(before, type_id), text, around(after, type_id)].concat()
    };
    let special = |&id: &u32| {
        let token = tokenizer.spelled(id);
        (token.clone(), json!({ "id": token, "ids": [id], "tokens": [token] }))
    };
    let special_tokens: Map<String, Value> = before.iter().chain(after).map(special).collect();
    let pair = [text("A", 0), text("B", 1)].concat();
    let template = json!({
        "type": "TemplateProcessing",
        "single": text("A", 0),
        "pair": pair,
        "special_tokens": special_tokens,
    });
    match is_byte_level {
        true => json!({ "type": "Sequence", "processors": [byte_level(true, false), template] }),
        false => template,
    }
}

/// The tokens around a text.
///
/// # Errors
/// [`crate::Error::Format`], naming what is not supported.
pub(super) fn read(reader: Reader, entry: &Value, added: &AddedTokens) -> Result<Template> {
    match entry["type"].as_str() {
        None if entry.is_null() => Ok(Template::default()),
        Some("ByteLevel") => {
            reader.expect(entry, "post_processor", OFFSETS)?;
            Ok(Template::default())
        }
        Some("TemplateProcessing") => {
            reader.expect(entry, "post_processor", TEMPLATE)?;
            template(reader, entry, added)
        }
        Some("Sequence") => {
            reader.expect(entry, "post_processor", SEQUENCE)?;
            let Some(all) = entry["processors"].as_array() else {
                return Err(reader.wrong("post_processor.processors is missing"));
            };
            let mut found = Template::default();
            for one in all {
                // Nested sequences are not supported: no known program writes them.
                let one = match one["type"].as_str() {
                    Some("Sequence") | None => return Err(not_supported(reader, one)),
                    Some(_) => read(reader, one, added)?,
                };
                if one != Template::default()
                    && std::mem::replace(&mut found, one) != Template::default()
                {
                    return Err(reader.wrong("post_processor has two templates"));
                }
            }
            Ok(found)
        }
        _ => Err(not_supported(reader, entry)),
    }
}

fn not_supported(reader: Reader, entry: &Value) -> crate::Error {
    let shown = short(&entry.to_string());
    reader.wrong(format!("post_processor is {shown}, which is not supported"))
}

/// The tokens of a template for one text.
fn template(reader: Reader, entry: &Value, added: &AddedTokens) -> Result<Template> {
    let wrong = |problem: &str| reader.wrong(format!("post_processor.single {problem}"));
    let parts = entry["single"].as_array().ok_or_else(|| wrong("is missing"))?;
    let is_text = |part: &&Value| part["Sequence"].is_object();
    if parts.iter().filter(is_text).count() != 1 || parts.len() > MOST {
        return Err(wrong("does not have the text once, with a few tokens around it"));
    }
    let mut template = Template::default();
    let mut around = &mut template.before;
    for part in parts {
        if let Some(text) = part["Sequence"].as_object() {
            if text.get("id").is_none_or(|id| id != "A") {
                return Err(wrong("has another text than A"));
            }
            around = &mut template.after;
            continue;
        }
        let Some(name) = part["SpecialToken"]["id"].as_str() else {
            return Err(wrong(&format!("has {}", short(&part.to_string()))));
        };
        let listed = &entry["special_tokens"][name]["ids"];
        let id = |id: &Value| added.get(u32::try_from(id.as_u64()?).ok()?).map(|token| token.id);
        let ids: Option<Vec<u32>> = listed.as_array().and_then(|ids| ids.iter().map(id).collect());
        let Some(ids) = ids.filter(|ids| ids.len() <= MOST) else {
            let (name, listed) = (short(name), short(&listed.to_string()));
            return Err(reader.wrong(format!(
                "post_processor.special_tokens says that {name:?} is {listed}, not added tokens"
            )));
        };
        around.extend(ids);
    }
    Ok(template)
}

/// The entries of a template. `pair` is for two texts at once.
const TEMPLATE: &[(&str, Allowed)] = &[
    ("type", Word("TemplateProcessing")),
    ("single", Anything),
    ("pair", Anything),
    ("special_tokens", Anything),
];

/// The entries of several in a row.
const SEQUENCE: &[(&str, Allowed)] = &[("type", Word("Sequence")), ("processors", Anything)];
