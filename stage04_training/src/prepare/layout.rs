//! The layout of JSON in a file, from its first bytes.
//!
//! Many collections of JSON lines do not say so in their names (C4 and Dolma are called
//! `*.json.gz`), and many files of that name hold one list, or objects over many lines. Text begins
//! with a brace as well: programs, LaTeX. So the first bytes are parsed as JSON, and what breaks
//! JSON's rules is text.

/// The layout of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// An object in each line.
    Lines,
    /// A list, or several objects that are not one per line.
    Values,
    /// One object over several lines: usually settings and not a document.
    Single,
}

/// The next token that JSON allows.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// A value, or the end of a list that has just begun.
    Value {
        or_end: bool,
    },
    /// A name, or the end of an empty object.
    Name {
        or_end: bool,
    },
    Colon,
    /// A comma, or the end of the object or list.
    Comma,
    /// The next object, or the end.
    Outside,
}

/// The layout of a file that begins with these bytes; `None` if they are not JSON or too few: at
/// least the name of one field is needed, or a text in a list.
pub fn layout(head: &[u8]) -> Option<Layout> {
    let list = head.trim_ascii_start().first()? == &b'[';
    let (mut next, mut open) = (Next::Outside, Vec::new());
    // The number of complete values; whether one spans lines; whether a line break precedes the
    // next.
    let (mut whole, mut spread, mut broken) = (0, false, true);
    let (mut names, mut texts) = (0, 0);
    let mut at = 0;
    while let Some(&byte) = head.get(at) {
        at += 1;
        match (next, byte) {
            (_, b' ' | b'\t' | b'\r') => {}
            (_, b'\n') => {
                spread |= !open.is_empty();
                broken = true;
            }
            (Next::Outside, b'{') | (Next::Value { .. }, b'{') => {
                if open.is_empty() {
                    // Two values on one line are not JSON lines.
                    spread |= !broken;
                    broken = false;
                }
                open.push(b'}');
                next = Next::Name { or_end: true };
            }
            (Next::Outside, b'[') if list && whole == 0 => {
                open.push(b']');
                next = Next::Value { or_end: true };
            }
            (Next::Value { .. }, b'[') => {
                open.push(b']');
                next = Next::Value { or_end: true };
            }
            (Next::Comma, b',') => {
                let object = open.last() == Some(&b'}');
                next = match object {
                    true => Next::Name { or_end: false },
                    false => Next::Value { or_end: false },
                };
            }
            (Next::Comma, b'}' | b']')
            | (Next::Name { or_end: true }, b'}')
            | (Next::Value { or_end: true }, b']') => {
                if open.pop() != Some(byte) {
                    return None;
                }
                whole += usize::from(open.is_empty());
                next = if open.is_empty() { Next::Outside } else { Next::Comma };
            }
            (Next::Name { .. }, b'"') => {
                at += string(&head[at..])?;
                names += 1;
                next = Next::Colon;
            }
            (Next::Colon, b':') => next = Next::Value { or_end: false },
            (Next::Value { .. }, b'"') => {
                at += string(&head[at..])?;
                texts += 1;
                next = Next::Comma;
            }
            (Next::Value { .. }, b'-' | b'0'..=b'9' | b'a'..=b'z' | b'I' | b'N') => {
                at += word(&head[at - 1..])? - 1;
                next = Next::Comma;
            }
            _ => return None,
        }
    }
    // `[1]` is a footnote more often than a list of documents.
    match (list, names, texts) {
        (true, 0, 0) | (false, 0, _) => None,
        (true, ..) => Some(Layout::Values),
        _ if !spread => Some(Layout::Lines),
        _ if whole > 1 || whole == 1 && !open.is_empty() => Some(Layout::Values),
        _ => Some(Layout::Single),
    }
}

/// The length of a string after its opening quotation mark, up to its end or that of the bytes.
/// `None` for an invalid string.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => return Some(at),
            b'\\' => match bytes.get(at) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') => at += 1,
                Some(_) => return None,
                None => {}
            },
            0..=31 => return None,
            _ => {}
        }
    }
    Some(at)
}

/// The length of a number, `true`, `false`, `null`, or of Python's `NaN` and `Infinity`; the end of
/// the bytes may cut it. `None` for any other word.
fn word(bytes: &[u8]) -> Option<usize> {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = bytes.iter().position(|byte| !inside(byte)).unwrap_or(bytes.len());
    let word = &bytes[..length];
    let cut = length == bytes.len();
    let known = [&b"true"[..], b"false", b"null", b"NaN", b"Infinity", b"-Infinity"];
    let number = || {
        let digits = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        word.iter().any(u8::is_ascii_digit) && word.iter().all(digits) || cut && word == b"-"
    };
    let known = known.iter().any(|known| known == &word || cut && known.starts_with(word));
    (known || number()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_is_distinguished_from_text_that_begins_with_a_brace() {
        for (text, expected) in [
            ("{\"text\": \"a\"}\n{\"text\": \"b\"}\n", Some(Layout::Lines)),
            ("\n {\"text\": \"a\"}", Some(Layout::Lines)),
            ("{\"text\": \"it goes on and", Some(Layout::Lines)),
            ("{\"a\": [1, -2.5e3, {\"b\": NaN}], \"c\": tru", Some(Layout::Lines)),
            ("{\"text\": \"a\"} {\"text\": \"b\"}", Some(Layout::Values)),
            ("[{\"text\": \"a\"}, {\"text\"", Some(Layout::Values)),
            ("[\n  \"one\",\n  \"two\"\n]\n", Some(Layout::Values)),
            ("{\n \"text\": \"a\"\n}\n{\n \"text\": \"b\"\n}", Some(Layout::Values)),
            ("{\n \"text\": \"a\",\n \"n\": 1\n}\n", Some(Layout::Single)),
            ("{ int x; }", None),
            ("{\"a\", \"b\"};", None),
            ("{\\bf bold} {\\it text}", None),
            ("{'text': 'of Python'}", None),
            ("{ key: 1 }", None),
            ("[1] Smith, J. A book.", None),
            ("[1, 2]", None),
            ("[\"Hello\", she said.]", None),
            ("[link](address)", None),
            ("{\"a\": 1} is an object in JSON.", None),
            ("{\"a\": \"two\nlines\"}", None),
            ("{\"a\": 1}]", None),
            ("{", None),
            ("{}", None),
            ("", None),
            ("plain", None),
        ] {
            assert_eq!(layout(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn any_depth_is_parsed() {
        assert_eq!(layout(&[b'['; 1 << 20]), None);
        let deep = format!("{{\"a\": {}", "[".repeat(1 << 20));
        assert_eq!(layout(deep.as_bytes()), Some(Layout::Lines));
    }

    proptest! {
        #[test]
        fn objects_are_recognised_wherever_they_are_cut(
            text: String, number: f64, rows in 1usize..4, cut in 6usize..200,
        ) {
            let row = serde_json::json!({ "text": text, "n": [number, null, {"a": true}] });
            let lines = format!("{row}\n").repeat(rows);
            let cut = cut.min(lines.len());
            prop_assert_eq!(layout(&lines.as_bytes()[..cut]), Some(Layout::Lines));
            let list = serde_json::to_string_pretty(&vec![&row; rows]).unwrap();
            prop_assert_eq!(layout(list.as_bytes()), Some(Layout::Values));
            let pretty = serde_json::to_string_pretty(&row).unwrap();
            prop_assert_eq!(layout(pretty.as_bytes()), Some(Layout::Single));
        }

        #[test]
        fn any_bytes_can_be_parsed(bytes in prop::collection::vec(
            prop::sample::select(&b"{}[]\",:\\n\n 1ae-.\x80\0"[..]), 0..80)) {
            layout(&bytes);
        }
    }
}
