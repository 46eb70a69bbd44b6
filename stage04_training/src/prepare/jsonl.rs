//! One field of a JSON object, without building the rest of the object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// The text of a field of the JSON object that a line holds; or the problem and its remedy.
pub fn field<'a>(row: &'a str, name: &str) -> Result<Cow<'a, str>, (String, String)> {
    let mut parser = serde_json::Deserializer::from_str(row);
    let found = Object { name }.deserialize(&mut parser).and_then(|found| {
        parser.end()?;
        Ok(found)
    });
    match found {
        Ok(Found::Text(text)) => Ok(text),
        Ok(Found::Other(what)) => Err((
            format!("the field {name:?} is {what}, expected a text"),
            "name the field that has the text with --field".into(),
        )),
        Ok(Found::Nothing(others)) => Err((
            format!("no field {name:?} in {}", others.join(", ")),
            "name the field that has the text with --field".into(),
        )),
        Err(error) => Err((
            // Of the place only the column makes sense: the text is one line of many.
            format!(
                "not a JSON object: {}",
                error.to_string().replace(" line 1 column", " column")
            ),
            "expected one whole JSON object a line".into(),
        )),
    }
}

/// What stands under a name.
enum Found<'a> {
    Text(Cow<'a, str>),
    /// A value of another kind.
    Other(&'static str),
    /// No such name; the names there are.
    Nothing(Vec<String>),
}

/// How many other names are shown where one is missing.
const SHOWN: usize = 8;

/// Reads an object and keeps one of its fields.
struct Object<'n> {
    name: &'n str,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"text\": \"…\"}")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Found<'de>, M::Error> {
        let (mut found, mut others) = (None, Vec::new());
        while let Some(Str(name)) = map.next_key_seed(StrSeed)? {
            if name == self.name {
                found = Some(map.next_value_seed(Value)?);
            } else {
                map.next_value::<IgnoredAny>()?;
                match others.len() {
                    0..SHOWN => others.push(format!("{name:?}")),
                    SHOWN => others.push("…".into()),
                    _ => {}
                }
            }
        }
        if others.is_empty() {
            others.push("an empty object".into());
        }
        Ok(found.unwrap_or(Found::Nothing(others)))
    }
}

/// A string that is borrowed where it has no escapes.
struct Str<'a>(Cow<'a, str>);

struct StrSeed;

impl<'de> DeserializeSeed<'de> for StrSeed {
    type Value = Str<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Str<'de>, D::Error> {
        match deserializer.deserialize_any(Value)? {
            Found::Text(text) => Ok(Str(text)),
            _ => Err(D::Error::custom("a name must be a string")),
        }
    }
}

/// Reads any value; keeps a text.
struct Value;

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Found<'de>, E> {
        Ok(Found::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found<'de>, E> {
        Ok(Found::Text(Cow::Owned(text.to_string())))
    }

    fn visit_string<E>(self, text: String) -> Result<Found<'de>, E> {
        Ok(Found::Text(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Found<'de>, E> {
        Ok(Found::Other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found<'de>, E> {
        Ok(Found::Other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found<'de>, E> {
        Ok(Found::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found<'de>, E> {
        Ok(Found::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found<'de>, E> {
        Ok(Found::Other("a number"))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Found<'de>, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Other("an object"))
    }

    fn visit_seq<S: serde::de::SeqAccess<'de>>(self, mut list: S) -> Result<Found<'de>, S::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other("a list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_field_is_found_among_others() {
        let row =
            r#" {"id": [1, {"text": "no"}], "text": "caf\u00e9\nline", "meta": {"a": null}} "#;
        assert_eq!(field(row, "text").unwrap(), "café\nline");
        assert!(matches!(field(r#"{"body": "plain"}"#, "body"), Ok(Cow::Borrowed("plain"))));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let problem = |row: &str| field(row, "text").unwrap_err().0;
        assert_eq!(problem(r#"{"a": 1, "b": 2}"#), r#"no field "text" in "a", "b""#);
        assert_eq!(problem("{}"), r#"no field "text" in an empty object"#);
        assert_eq!(problem(r#"{"text": null}"#), r#"the field "text" is null, expected a text"#);
        for (row, kind) in [("3", "a number"), ("[1]", "a list"), ("{\"x\":0}", "an object")] {
            assert!(problem(&format!("{{\"text\": {row}}}")).contains(kind));
        }
        for row in [
            "{\"text\": \"a",
            "[1, 2]",
            "{\"text\": \"a\"} more",
            "text",
            "{\"text\": \"\\ud800\"}",
        ] {
            let problem = problem(row);
            assert!(problem.starts_with("not a JSON object: "), "{row}: {problem}");
            assert!(problem.contains("column") && !problem.contains("line 1"), "{problem}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text: String, other: String) {
            let row = serde_json::json!({ "a": other, "text": text }).to_string();
            prop_assert_eq!(field(&row, "text").unwrap(), text);
        }
    }
}
