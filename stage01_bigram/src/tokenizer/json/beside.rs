//! The end-of-text token, from the files beside a `tokenizer.json`.
//!
//! `tokenizer.json` has no entry for the token that ends a document; the other files in the
//! directory of a model often name it.

use std::path::Path;

use serde_json::Value;

use super::file;
use crate::tokenizer::added::AddedTokens;
use crate::tokenizer::end_of_text::END_OF_TURN;

/// The spelling of the end-of-text token. Files that are missing, damaged, or name no added token
/// are ignored.
pub(super) fn end_of_text(path: &Path, added: &AddedTokens) -> Option<String> {
    let read = |name: &str| -> Option<Value> {
        let content = file::read(&path.with_file_name(name)).ok()?;
        serde_json::from_str(&content).ok()
    };
    let spelled = |name| {
        let file = read(name)?;
        let token = file.get("eos_token")?;
        Some(token.as_str().or_else(|| token.get("content")?.as_str())?.to_string())
    };
    let numbered = || {
        let file = read("config.json")?;
        let numbers = match file.get("eos_token_id")? {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        };
        let contents = numbers.iter().filter_map(|number| {
            let id = u32::try_from(number.as_u64()?).ok()?;
            Some(added.get(id)?.content.clone())
        });
        contents.into_iter().find(|content| !END_OF_TURN.contains(&&**content))
    };
    [spelled("tokenizer_config.json"), spelled("special_tokens_map.json"), numbered()]
        .into_iter()
        .flatten()
        .find(|content| {
            let exists = added.tokens().iter().any(|token| token.content == *content);
            exists && !END_OF_TURN.contains(&&**content)
        })
}
