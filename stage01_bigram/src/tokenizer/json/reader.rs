//! Takes the vocabulary out of a parsed `tokenizer.json`: `model.vocab` and `added_tokens`.
//!
//! Both kinds of tokenizer read their files through [`Reader`], so that a damaged file gives the
//! same messages.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::text::shorten;
use crate::tokenizer::added::{AddedToken, AddedTokens};
use crate::{Error, Result};

/// Takes values out of a parsed file, with errors where they are missing.
#[derive(Clone, Copy)]
pub(in crate::tokenizer) struct Reader<'a> {
    /// The file, for the messages.
    pub(in crate::tokenizer) path: &'a Path,
}

/// The entry that marks an added token as the end-of-text token; an extension of this program.
const ENDS_DOCUMENTS: &str = "end_of_text";

impl Reader<'_> {
    /// The error for a file that cannot be used.
    pub(in crate::tokenizer) fn wrong(&self, problem: impl Into<String>) -> Error {
        let remedy = "expected a tokenizer.json that this program saved, or one of the kind of \
                      GPT-2, SmolLM2, Llama 2, Llama 3 or Qwen2";
        self.refused(problem, remedy)
    }

    /// The error for a file that can be used after a change.
    pub(super) fn refused(&self, problem: impl Into<String>, remedy: &str) -> Error {
        Error::format(self.path, problem, remedy)
    }

    /// The object at a pointer such as `/model/vocab`.
    pub(in crate::tokenizer) fn object<'v>(
        &self,
        file: &'v Value,
        pointer: &str,
    ) -> Result<&'v Map<String, Value>> {
        file.pointer(pointer)
            .and_then(Value::as_object)
            .ok_or_else(|| self.wrong(format!("the object `{}` is missing", dotted(pointer))))
    }

    /// The list at a pointer.
    pub(in crate::tokenizer) fn list<'v>(
        &self,
        file: &'v Value,
        pointer: &str,
    ) -> Result<&'v [Value]> {
        file.pointer(pointer)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .ok_or_else(|| self.wrong(format!("the list `{}` is missing", dotted(pointer))))
    }

    /// A token's number.
    fn id(&self, token: &str, value: &Value) -> Result<u32> {
        value.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| {
            let (token, value) = (short(token), short(&value.to_string()));
            self.wrong(format!("the number of token {token:?} is {value}, not a whole number"))
        })
    }

    /// The spelling of every token, by number: `model.vocab` and `added_tokens` together.
    /// The numbers must be 0, 1, 2, … without a gap. Also the added tokens by themselves.
    pub(in crate::tokenizer) fn vocab(&self, file: &Value) -> Result<(Vec<String>, AddedTokens)> {
        let vocab = self.object(file, "/model/vocab")?;
        let mut entries = Vec::with_capacity(vocab.len());
        for (token, id) in vocab {
            let id = self.id(token, id)?;
            if token.is_empty() {
                return Err(self.wrong(format!("token {id} has an empty spelling")));
            }
            entries.push((id, token.as_str()));
        }
        let added = self.added(file, vocab)?;
        for AddedToken { id, content, .. } in added.tokens() {
            // GPT-2 has its special token in both places.
            if !vocab.contains_key(content) {
                entries.push((*id, content));
            }
        }
        entries.sort_unstable();
        for (place, &(id, token)) in entries.iter().enumerate() {
            if (id as usize) < place {
                let (other, token) = (short(entries[place - 1].1), short(token));
                return Err(
                    self.wrong(format!("tokens {other:?} and {token:?} have one number, {id}"))
                );
            }
            if id as usize > place {
                return Err(self.wrong(format!("no token has the number {place}")));
            }
        }
        let spelled = entries.into_iter().map(|(_, token)| token.to_string()).collect();
        Ok((spelled, added))
    }

    /// The added tokens, with their numbers and attributes.
    ///
    /// The library ignores the ids in the list. A token that is in `model.vocab` has its id from
    /// there, any other the next free one, in the order of the list. So a file with other ids is
    /// refused.
    fn added(&self, file: &Value, vocab: &Map<String, Value>) -> Result<AddedTokens> {
        let list = match file.get("added_tokens") {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(list)) => list,
            Some(_) => return Err(self.wrong("`added_tokens` is not a list")),
        };
        let mut tokens = Vec::with_capacity(list.len());
        let mut ends = None;
        let mut free = vocab.len() as u64;
        for entry in list {
            let token = self.added_token(entry)?;
            let AddedToken { id, ref content, .. } = token;
            let expected = vocab.get(content).and_then(Value::as_u64).unwrap_or(free);
            if u64::from(id) != expected {
                let content = short(content);
                return Err(self.wrong(format!(
                    "the added token {content:?} has the number {id}, and {expected} is the next one"
                )));
            }
            free = free.max(expected + 1);
            if entry.get(ENDS_DOCUMENTS) == Some(&Value::Bool(true)) && ends.replace(id).is_some() {
                return Err(self.wrong(format!("two added tokens have `{ENDS_DOCUMENTS}`")));
            }
            tokens.push(token);
        }
        AddedTokens::new(tokens, ends).map_err(|problem| self.wrong(problem))
    }

    /// One entry of `added_tokens`.
    fn added_token(&self, entry: &Value) -> Result<AddedToken> {
        let (Some(content), Some(id)) =
            (entry.get("content").and_then(Value::as_str), entry.get("id"))
        else {
            let shown = short(&entry.to_string());
            return Err(self.wrong(format!("an added token lacks `content` or `id`: {shown}")));
        };
        let shown = short(content);
        let id = self.id(&shown, id)?;
        let attribute = |name: &str| {
            entry.get(name).and_then(Value::as_bool).ok_or_else(|| {
                self.wrong(format!("the added token {shown:?} lacks `{name}`, true or false"))
            })
        };
        let names = ["single_word", "lstrip", "rstrip", "normalized", "special"];
        let mut values = [false; 5];
        for (value, name) in values.iter_mut().zip(names) {
            *value = attribute(name)?;
        }
        let known =
            |key: &str| ["id", "content", ENDS_DOCUMENTS].contains(&key) || names.contains(&key);
        let mut entries = entry.as_object().into_iter().flatten();
        if let Some((key, _)) = entries.find(|(key, value)| !known(key) && !value.is_null()) {
            let key = short(key);
            let problem = format!("the added token {shown:?} has `{key}`, which is not supported");
            return Err(self.wrong(problem));
        }
        let [single_word, lstrip, rstrip, normalized, special] = values;
        let content = content.to_string();
        Ok(AddedToken { id, content, single_word, lstrip, rstrip, normalized, special })
    }
}

/// The list `added_tokens` of a file, as [`Reader`] takes it.
pub(in crate::tokenizer) fn write_added(added: &AddedTokens) -> Value {
    let ends = match added.end_of_text() {
        Some(token) if !added.end_of_text_is_known() => Some(token.id),
        _ => None,
    };
    let entry = |token: &AddedToken| {
        let AddedToken { id, content, single_word, lstrip, rstrip, normalized, special } = token;
        let mut entry = json!({
            "id": id,
            "content": content,
            "single_word": single_word,
            "lstrip": lstrip,
            "rstrip": rstrip,
            "normalized": normalized,
            "special": special,
        });
        if ends == Some(*id) {
            entry[ENDS_DOCUMENTS] = true.into();
        }
        entry
    };
    added.tokens().iter().map(entry).collect()
}

/// The beginning of a text from a file, for a message of one line.
pub(in crate::tokenizer) fn short(text: &str) -> String {
    shorten(text, 60).into_owned()
}

/// `/model/vocab` as people write it: `model.vocab`.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
