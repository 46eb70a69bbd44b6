//! Which entries a `tokenizer.json` may have, and with which values.
//!
//! Each entry is supported, or does not change tokens, or is refused by its name: a tokenizer that
//! gives other ids than its author's would be worse than an error. So an entry that is not in these
//! lists is refused as well, unless it is `null`.

use serde_json::Value;

use super::reader::{Reader, short};
use crate::Result;

/// The values that an entry may have.
#[derive(Clone, Copy, Debug)]
pub(in crate::tokenizer) enum Allowed {
    /// Anything: it does not change tokens, or is checked elsewhere.
    Anything,
    /// Nothing at all: `null`.
    Nothing,
    /// Switched off: `null`, `false`, `0` or an empty string.
    Off,
    /// This word, or nothing.
    Word(&'static str),
    /// This word, which must be there.
    Exactly(&'static str),
    /// `true`, `false`, or nothing.
    Switch,
    /// `true`, or nothing.
    True,
    /// `true`, which must be there.
    On,
    /// `false`, which must be there.
    False,
}

use Allowed::*;

/// The entries of every file.
pub(in crate::tokenizer) const FILE: &[(&str, Allowed)] = &[
    ("version", Word("1.0")),
    ("truncation", Nothing),
    ("padding", Nothing),
    ("added_tokens", Anything),
    ("normalizer", Anything),
    ("pre_tokenizer", Anything),
    ("post_processor", Anything),
    ("decoder", Anything),
    ("model", Anything),
];

impl Allowed {
    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Anything, _) => true,
            (Nothing | Off | Word(_) | True | Switch, Value::Null) => true,
            (Off, Value::Bool(on)) => !on,
            (Off, Value::Number(number)) => number.as_f64() == Some(0.0),
            (Off, Value::String(word)) => word.is_empty(),
            (Word(expected) | Exactly(expected), Value::String(word)) => word == expected,
            (Switch, Value::Bool(_)) => true,
            (True | On, Value::Bool(on)) => *on,
            (False, Value::Bool(on)) => !on,
            _ => false,
        }
    }
}

impl Reader<'_> {
    /// Refuses the first entry of an object that has another value than the allowed ones.
    ///
    /// name: the object's own, such as `model`; empty for the whole file.
    pub(in crate::tokenizer) fn expect(
        &self,
        object: &Value,
        name: &str,
        rules: &[(&str, Allowed)],
    ) -> Result<()> {
        let dotted = |key: &str| match name {
            "" => key.to_string(),
            name => format!("{name}.{key}"),
        };
        let Some(entries) = object.as_object() else {
            return Err(self.wrong(format!("{name} is not an object")));
        };
        for (key, value) in entries {
            let known = rules.iter().any(|(known, _)| known == key);
            if !known && !value.is_null() {
                return Err(
                    self.wrong(format!("{} is not known, so not supported", short(&dotted(key))))
                );
            }
        }
        for (key, allowed) in rules {
            let value = entries.get(*key).unwrap_or(&Value::Null);
            if !allowed.holds(value) {
                let shown = short(&value.to_string());
                let problem = format!("{} is {shown}, which is not supported", dotted(key));
                let name = dotted(key);
                return Err(match *key {
                    "truncation" | "padding" => self
                        .refused(problem, &format!("set {name} to null to use texts as they are")),
                    _ => self.wrong(problem),
                });
            }
        }
        Ok(())
    }
}
