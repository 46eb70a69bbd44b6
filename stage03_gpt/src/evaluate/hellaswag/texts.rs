//! The texts of a question, from a line of JSON, tidied as EleutherAI's harness does it.

use serde_json::Value;

use super::is_space;
use crate::files::json_lines::{kind, object};

/// The texts of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The context.
    pub context: String,
    /// Its endings.
    pub endings: Vec<String>,
    /// The index of the right one.
    pub label: usize,
}

/// What is wrong, and what was expected.
type Fault = (String, &'static str);

impl Texts {
    /// Reads a line, and tidies its texts.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    pub fn read(line: &[u8]) -> std::result::Result<Texts, Fault> {
        const OBJECT: &str = "an object such as {\"ctx\": \"…\", \"endings\": [\"…\", \"…\"], \
                              \"label\": 0}";
        let object = object(line).map_err(|problem| (problem, OBJECT))?;
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err((format!("{name:?} is {}", kind(other)), "a text there")),
        };
        let context = match (text("ctx_a")?, text("ctx_b")?, text("ctx")?) {
            (Some(a), Some(b), _) => format!("{a} {}", capitalise(b)),
            (_, _, Some(whole)) => whole.to_string(),
            _ => return Err(("there is no \"ctx\"".into(), OBJECT)),
        };
        let context = match text("activity_label")? {
            Some(label) => format!("{label}: {context}"),
            None => context,
        };
        let endings = match object.get("endings") {
            Some(Value::Array(endings)) => endings,
            Some(other) => return Err((format!("\"endings\" is {}", kind(other)), OBJECT)),
            None => return Err(("there are no \"endings\"".into(), OBJECT)),
        };
        if endings.len() < 2 {
            let problem = format!("\"endings\" has {} texts", endings.len());
            return Err((problem, "two or more to choose from"));
        }
        let ending = |(i, ending): (usize, &Value)| {
            let text = ending.as_str().map(tidy);
            let problem = || match ending {
                Value::String(_) => format!("ending {i} is empty"),
                other => format!("ending {i} is {}", kind(other)),
            };
            text.filter(|text| !text.is_empty()).ok_or_else(|| (problem(), "a text there"))
        };
        let endings: Vec<String> =
            endings.iter().enumerate().map(ending).collect::<std::result::Result<_, _>>()?;
        let label = label(object.get("label"), endings.len())?;
        Ok(Texts { context: tidy(&context), endings, label })
    }
}

/// The index of the right ending: a number, or a text of one.
fn label(value: Option<&Value>, endings: usize) -> std::result::Result<usize, Fault> {
    const INDEX: &str = "the index of an ending, from 0 on, as a number or as a text";
    let found = match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.trim().is_empty() => None,
        Some(Value::String(text)) => Some(
            text.trim().parse::<i64>().map_err(|_| (format!("\"label\" is {text:?}"), INDEX))?,
        ),
        Some(Value::Number(number)) if number.is_i64() => number.as_i64(),
        Some(other @ Value::Number(_)) => return Err((format!("\"label\" is {other}"), INDEX)),
        Some(other) => return Err((format!("\"label\" is {}", kind(other)), INDEX)),
    };
    let index = found.ok_or_else(|| {
        (
            "there is no \"label\"".to_string(),
            "a file with answers, such as HellaSwag's validation set",
        )
    })?;
    let in_range = usize::try_from(index).ok().filter(|&index| index < endings);
    in_range.ok_or_else(|| {
        let last = endings - 1;
        (format!("\"label\" is {index}, and the endings are 0 to {last}"), INDEX)
    })
}

/// A text without the marks that stem from the pages it was taken from: see above.
fn tidy(text: &str) -> String {
    let text = text.trim_matches(is_space).replace(" [title]", ". ");
    let mut tidied = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(open) = rest.find('[') {
        let (before, bracket) = rest.split_at(open);
        tidied.push_str(before);
        // Up to the nearest closing bracket in this line; one without it stays.
        let line = bracket.split('\n').next().unwrap_or_default();
        match line.find(']') {
            Some(close) => rest = &bracket[close + 1..],
            None => {
                tidied.push('[');
                rest = &bracket[1..];
            }
        }
    }
    tidied.push_str(rest);
    tidied.replace("  ", " ")
}

/// The first character as a capital, and all others not: Python's `str.capitalize`.
fn capitalise(text: &str) -> String {
    let Some(first) = text.chars().next() else { return String::new() };
    // Of the capital of a letter such as the German sharp s, "SS", only the first is one.
    let mut capital = first.to_uppercase();
    let mut result: String = capital.next().into_iter().collect();
    result.extend(capital.flat_map(char::to_lowercase));
    // The whole text, because a letter may depend on the one before it.
    let lower = text.to_lowercase();
    let skip: usize = first.to_lowercase().map(char::len_utf8).sum();
    result.push_str(lower.get(skip..).unwrap_or_default());
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Texts {
        Texts::read(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e:?}"))
    }

    #[test]
    fn the_texts_are_tidied() {
        for (text, expected) in [
            ("  a b \n", "a b"),
            ("Cut it [title] Fold it", "Cut it. Fold it"),
            ("[step] Take one. [substeps] Then", " Take one. Then"),
            ("a [b] [c] d", "a  d"), // of three spaces two become one
            ("a [b\nc] d", "a [b\nc] d"),
            ("a [b [c] d] e", "a d] e"),
            ("[a] b", " b"),
            ("a [", "a ["),
            ("\u{1f}a\u{a0}", "a"),
        ] {
            assert_eq!(tidy(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_capitalised_as_in_python() {
        for (text, expected) in [
            ("", ""),
            ("he Plays", "He plays"),
            ("ßA", "Ssa"),
            ("ΑΣ", "Ας"),
            ("éÉ", "Éé"),
            ("1A", "1a"),
        ] {
            assert_eq!(capitalise(text), expected);
        }
    }

    #[test]
    fn both_forms_of_a_context_are_read() {
        let both = r#"{"activity_label": "Roof", "ctx": "not this", "ctx_a": "A man sits.",
            "ctx_b": "he Then", "endings": [" one [x]", "two"], "label": "1"}"#;
        let texts = read(both);
        assert_eq!(texts.context, "Roof: A man sits. He then");
        assert_eq!((texts.endings, texts.label), (vec!["one ".to_string(), "two".into()], 1));
        let texts = read(r#"{"ctx": "A man", "endings": ["a", "b"], "label": 0, "more": []}"#);
        assert_eq!((texts.context.as_str(), texts.label), ("A man", 0));
        let empty_b = r#"{"ctx_a": "Boil it.", "ctx_b": "", "endings": ["a", "b"], "label": 0}"#;
        assert_eq!(read(empty_b).context, "Boil it. ".trim_end());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let with =
            |label: &str| format!(r#"{{"ctx": "a", "endings": ["b", "c"], "label": {label}}}"#);
        let cases = [
            ("".to_string(), "EOF while parsing"),
            ("{\"ctx\": \"a\", ".into(), "EOF while parsing a value (column 13)"),
            ("[1]".into(), "invalid type: sequence, expected a map"),
            ("{}".into(), "no \"ctx\""),
            (r#"{"ctx": 7}"#.into(), "\"ctx\" is a number"),
            (r#"{"ctx_a": "a", "endings": ["b", "c"]}"#.into(), "no \"ctx\""),
            (r#"{"ctx": "a"}"#.into(), "no \"endings\""),
            (r#"{"ctx": "a", "endings": "b"}"#.into(), "\"endings\" is a text"),
            (r#"{"ctx": "a", "endings": ["b"]}"#.into(), "\"endings\" has 1 texts"),
            (r#"{"ctx": "a", "endings": []}"#.into(), "\"endings\" has 0 texts"),
            (r#"{"ctx": "a", "endings": ["b", " [x]"]}"#.into(), "ending 1 is empty"),
            (r#"{"ctx": "a", "endings": ["b", null]}"#.into(), "ending 1 is null"),
            (r#"{"ctx": "a", "endings": ["b", "c"]}"#.into(), "no \"label\""),
            (with("\"\""), "no \"label\""),
            (with("\"two\""), "\"label\" is \"two\""),
            (with("0.5"), "\"label\" is 0.5"),
            (with("[]"), "\"label\" is a list"),
            (with("2"), "\"label\" is 2, and the endings are 0 to 1"),
            (with("-1"), "\"label\" is -1"),
            (with("\"99999999999999999999\""), "\"label\" is"),
        ];
        for (line, words) in cases {
            let (problem, _) = Texts::read(line.as_bytes()).unwrap_err();
            assert!(problem.contains(words), "{line}: {problem}");
        }
        assert!(Texts::read(b"{\"ctx\": \"\xff\"}").is_err());
        assert!(Texts::read("[".repeat(100_000).as_bytes()).is_err());
    }
}
