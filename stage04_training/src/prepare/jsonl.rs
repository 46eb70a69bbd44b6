//! One field of a JSON object, without building the rest of the object.
//!
//! A name may have dots: `meta.text` is the field `text` of the object in the field `meta`. A field
//! with the dots in its own name takes precedence. Of two fields of one name the last one counts,
//! as in most JSON parsers. Elements of lists have no names.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// The text of a field of the JSON object in a line, or the problem and its remedy.
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
        Ok(Found::Nothing(others)) => {
            let others = match others.is_empty() {
                true => "an empty object".into(),
                false => others.join(", "),
            };
            Err((
                format!("no field {name:?} in {others}"),
                "name the field that has the text with --field".into(),
            ))
        }
        Err(error) => Err((
            // Only the column is meaningful: the text is one line of many.
            format!(
                "not a JSON object: {}",
                error.to_string().replace(" line 1 column", " column")
            ),
            "expected one complete JSON object per line, or text with --format text".into(),
        )),
    }
}

/// The value of a name.
enum Found<'a> {
    Text(Cow<'a, str>),
    /// A value of another kind.
    Other(&'static str),
    /// No such name; the names of the object, in quotes.
    Nothing(Vec<String>),
}

/// The most names that are listed where one is missing, and the most characters of each.
const SHOWN: usize = 8;
const LETTERS: usize = 40;

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
        let (mut found, mut inside, mut others) = (None, None, Vec::new());
        while let Some(Str(name)) = map.next_key_seed(StrSeed)? {
            let rest = self.name.strip_prefix(&*name).and_then(|rest| rest.strip_prefix('.'));
            if name == self.name {
                found = Some(map.next_value_seed(Value { inside: None })?);
                continue;
            }
            let value = match rest {
                Some(rest) => map.next_value_seed(Value { inside: Some(rest) })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                    Found::Nothing(Vec::new())
                }
            };
            match value {
                // The names that could have been meant.
                Found::Nothing(names) if !names.is_empty() => {
                    let dotted = |inner: String| match inner.strip_prefix('"') {
                        Some(inner) => format!("\"{name}.{inner}"),
                        None => inner,
                    };
                    others.extend(names.into_iter().map(dotted));
                }
                Found::Nothing(_) => {
                    let shown: String = name.chars().take(LETTERS).collect();
                    if others.len() <= SHOWN {
                        others.push(format!("{shown:?}"));
                    }
                }
                value => inside = Some(value),
            }
        }
        if others.len() > SHOWN {
            others.truncate(SHOWN);
            others.push("…".into());
        }
        Ok(found.or(inside).unwrap_or(Found::Nothing(others)))
    }
}

/// A string that is borrowed where it has no escapes.
struct Str<'a>(Cow<'a, str>);

struct StrSeed;

impl<'de> DeserializeSeed<'de> for StrSeed {
    type Value = Str<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Str<'de>, D::Error> {
        match deserializer.deserialize_any(Value { inside: None })? {
            Found::Text(text) => Ok(Str(text)),
            _ => Err(D::Error::custom("a name must be a string")),
        }
    }
}

/// Reads any value; keeps a text, or one field of an object.
struct Value<'n> {
    inside: Option<&'n str>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Found<'de>, E> {
        Ok(self.text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found<'de>, E> {
        Ok(self.text(Cow::Owned(text.to_string())))
    }

    fn visit_string<E>(self, text: String) -> Result<Found<'de>, E> {
        Ok(self.text(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Found<'de>, E> {
        Ok(self.other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found<'de>, E> {
        Ok(self.other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found<'de>, E> {
        Ok(self.other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found<'de>, E> {
        Ok(self.other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found<'de>, E> {
        Ok(self.other("a number"))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Found<'de>, M::Error> {
        if let Some(name) = self.inside {
            return Object { name }.visit_map(map);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Other("an object"))
    }

    fn visit_seq<S: serde::de::SeqAccess<'de>>(self, mut list: S) -> Result<Found<'de>, S::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other("a list"))
    }
}

impl Value<'_> {
    /// A value that is not a text and has no fields.
    fn other<'a>(&self, what: &'static str) -> Found<'a> {
        match self.inside {
            Some(_) => Found::Nothing(Vec::new()),
            None => Found::Other(what),
        }
    }

    fn text<'a>(&self, text: Cow<'a, str>) -> Found<'a> {
        match self.inside {
            Some(_) => Found::Nothing(Vec::new()),
            None => Found::Text(text),
        }
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
    fn a_name_with_dots_is_found_in_nested_objects() {
        let row =
            r#"{"id": 1, "meta": {"lang": "en", "text": "in", "a.b": "dot", "c": {"d": "deep"}}}"#;
        for (name, expected) in [("meta.text", "in"), ("meta.a.b", "dot"), ("meta.c.d", "deep")] {
            assert_eq!(field(row, name).unwrap(), expected);
        }
        let own = r#"{"meta": {"text": "inside"}, "meta.text": "own"}"#;
        assert_eq!(field(own, "meta.text").unwrap(), "own");
        let own = r#"{"meta.text": "own", "meta": {"text": "inside"}}"#;
        assert_eq!(field(own, "meta.text").unwrap(), "own");
        assert_eq!(field(r#"{"text": "a", "text": "b"}"#, "text").unwrap(), "b");
        let problem = |row: &str, name: &str| field(row, name).unwrap_err().0;
        assert_eq!(
            problem(row, "meta.body"),
            r#"no field "meta.body" in "id", "meta.lang", "meta.text", "meta.a.b", "meta.c""#
        );
        assert_eq!(problem(row, "meta.c"), r#"the field "meta.c" is an object, expected a text"#);
        for other in ["3", "\"x\"", "[{\"text\": \"x\"}]", "null"] {
            let row = format!("{{\"meta\": {other}}}");
            assert_eq!(problem(&row, "meta.text"), r#"no field "meta.text" in "meta""#);
        }
    }

    #[test]
    fn depth_and_length_have_no_effect_on_the_message() {
        let deep = format!("{{\"a\": {}", "[".repeat(100_000));
        assert!(field(&deep, "text").unwrap_err().0.starts_with("not a JSON object"));
        let whole = format!("{{\"a\": {}{}, \"text\": \"x\"}}", "[".repeat(100), "]".repeat(100));
        assert_eq!(field(&whole, "text").unwrap(), "x");
        let many: String = (0..20).map(|n| format!(",\"{n}\":0")).collect();
        let many = field(&format!("{{\"a\":{{{}}}}}", &many[1..]), "a.text").unwrap_err().0;
        assert!(many.contains("\"a.0\", \"a.1\"") && many.ends_with('…'), "{many}");
        let long = format!("{{\"{}\": 1}}", "k".repeat(1 << 20));
        assert!(field(&long, "text").unwrap_err().0.len() < 100);
        assert!(field(r#"{"a": 1}"#, &"a.".repeat(100_000)).is_err());
    }

    #[test]
    fn a_problem_is_described() {
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
