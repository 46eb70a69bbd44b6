//! What both kinds share in reading a `tokenizer.json`.

use std::path::Path;

use serde_json::{Map, Value};

use super::{BpeTokenizer, CharTokenizer, Tokenizer};
use crate::{Error, Result};

/// Reads a file's content; which kind it holds is said by its model.
pub(super) fn read(path: &Path, content: &str) -> Result<Tokenizer> {
    let reader = Reader { path };
    let file: Value =
        serde_json::from_str(content).map_err(|e| reader.wrong(format!("not whole JSON: {e}")))?;
    let Some(model) = file.get("model").filter(|model| model.is_object()) else {
        return Err(reader.wrong("the object `model` is missing"));
    };
    match model.get("type").and_then(Value::as_str) {
        Some("WordLevel") => CharTokenizer::from_json(path, &file).map(Tokenizer::Char),
        Some("BPE") => BpeTokenizer::from_json(path, &file).map(Tokenizer::Bpe),
        // The oldest files of the library carry no type; merges then tell.
        None if model.get("merges").is_some() => {
            BpeTokenizer::from_json(path, &file).map(Tokenizer::Bpe)
        }
        Some(other) => Err(reader.wrong(format!("model.type is {other:?}"))),
        None => Err(reader.wrong("model.type is missing")),
    }
}

/// Takes values out of a parsed file and says what is wrong where they are not there.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The file, for the messages.
    pub(super) path: &'a Path,
}

impl Reader<'_> {
    /// The error for a file that cannot be used.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::format(
            self.path,
            problem,
            "expected a tokenizer.json that this program saved, or GPT-2's",
        )
    }

    /// The object at a pointer such as `/model/vocab`.
    pub(super) fn object<'v>(
        &self,
        file: &'v Value,
        pointer: &str,
    ) -> Result<&'v Map<String, Value>> {
        file.pointer(pointer)
            .and_then(Value::as_object)
            .ok_or_else(|| self.wrong(format!("the object `{}` is missing", dotted(pointer))))
    }

    /// The list at a pointer.
    pub(super) fn list<'v>(&self, file: &'v Value, pointer: &str) -> Result<&'v [Value]> {
        file.pointer(pointer)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .ok_or_else(|| self.wrong(format!("the list `{}` is missing", dotted(pointer))))
    }

    /// A token's number.
    pub(super) fn id(&self, token: &str, value: &Value) -> Result<u32> {
        value.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| {
            self.wrong(format!("the number of token {token:?} is {value}, not a whole number"))
        })
    }

    /// The spelling of every token, by number: `model.vocab` and `added_tokens` together.
    /// The numbers must be 0, 1, 2, … without a gap.
    pub(super) fn vocab(&self, file: &Value) -> Result<Vec<String>> {
        let vocab = self.object(file, "/model/vocab")?;
        let mut entries = Vec::with_capacity(vocab.len());
        for (token, id) in vocab {
            entries.push((self.id(token, id)?, token.as_str()));
        }
        for (token, id) in self.added(file)? {
            // GPT-2 has its special token in both places.
            if vocab.get(token).and_then(Value::as_u64) != Some(id.into()) {
                entries.push((id, token));
            }
        }
        entries.sort_unstable();
        for (place, &(id, token)) in entries.iter().enumerate() {
            if (id as usize) < place {
                let other = entries[place - 1].1;
                return Err(
                    self.wrong(format!("tokens {other:?} and {token:?} have one number, {id}"))
                );
            }
            if id as usize > place {
                return Err(self.wrong(format!("no token has the number {place}")));
            }
        }
        Ok(entries.into_iter().map(|(_, token)| token.to_string()).collect())
    }

    /// The tokens that are not made of text: `added_tokens`, with their numbers.
    pub(super) fn added<'v>(&self, file: &'v Value) -> Result<Vec<(&'v str, u32)>> {
        let Some(list) = file.get("added_tokens").filter(|list| !list.is_null()) else {
            return Ok(Vec::new());
        };
        let list = list.as_array().ok_or_else(|| self.wrong("`added_tokens` is not a list"))?;
        list.iter()
            .map(|entry| {
                let token = entry.get("content").and_then(Value::as_str);
                match (token, entry.get("id")) {
                    (Some(token), Some(id)) => Ok((token, self.id(token, id)?)),
                    _ => {
                        Err(self.wrong(format!("an added token lacks `content` or `id`: {entry}")))
                    }
                }
            })
            .collect()
    }
}

/// `/model/vocab` as people write it: `model.vocab`.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
