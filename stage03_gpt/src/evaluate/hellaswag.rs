//! Questions in the form of HellaSwag's files: JSON lines with a context and its endings.
//!
//! HellaSwag (Zellers and others 2019) asks how a scene goes on: one ending is real, three were
//! written by a model and chosen to fool other models. People find the real one in 95 of 100. A
//! line is an object; these of its entries are read:
//!
//! | entry | |
//! |---|---|
//! | `ctx_a`, `ctx_b` | the context in two parts: whole sentences, and the beginning of the next |
//! | `ctx` | the whole context, where one of these is missing |
//! | `activity_label` | a title; may be missing |
//! | `endings` | a list of texts |
//! | `label` | the index of the right one, as a number or as a text |
//!
//! The texts are changed as the task `hellaswag` of EleutherAI's evaluation harness does it
//! (`lm_eval/tasks/hellaswag/utils.py`), so that the accuracies can be compared with published ones:
//!
//! ```text
//! context  = tidy(activity_label + ": " + ctx_a + " " + capitalise(ctx_b))
//! ending   = tidy(ending)
//! tidy     : white space at both ends is removed; " [title]" becomes ". "; what stands in brackets
//!            is removed; two spaces become one
//! ```
//!
//! An ending follows its context after a space. The tokens of the ending are those that follow the
//! tokens of the context in context + " " + ending, and white space at the end of the context is
//! taken for a part of the ending: a token often begins with the space before a word.
//!
//! A file is read line by line, so its length does not matter for memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use stage01_bigram::form;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use super::multiple_choice::{Ending, Question};

/// The longest line that is read, in bytes. Those of HellaSwag have up to 3,000.
const LONGEST: u64 = 1 << 20;

/// A line of a file, with its number, which counts from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub number: usize,
    /// Its bytes, without the line break.
    pub bytes: Vec<u8>,
}

/// The lines of a file that are not empty.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    number: usize,
    ended: bool,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be opened; [`Error::Format`] for what is no regular file, such
    /// as a pipe: it is read twice, first to check every line; and for another format.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = || Error::file("read", path);
        if !std::fs::metadata(path).map_err(failed())?.is_file() {
            let remedy = "write the lines into a file: it is read twice, to be checked first";
            return Err(Error::format(path, "this is no regular file", remedy));
        }
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed())?);
        let head = file.fill_buf().map_err(failed())?;
        if let Some(form) = form::recognise(&head[..head.len().min(form::HEAD)]) {
            let problem = format!("not JSON lines: it is {form}");
            return Err(Error::format(path, problem, form.remedy));
        }
        if head.starts_with(form::BYTE_ORDER_MARK) {
            file.consume(form::BYTE_ORDER_MARK.len());
        }
        Ok(Lines { path: path.to_path_buf(), file, number: 0, ended: false })
    }

    fn read(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let part = &mut self.file.by_ref().take(LONGEST + 1);
            part.read_until(b'\n', &mut bytes).map_err(Error::file("read", &self.path))?;
            self.number += 1;
            if bytes.is_empty() {
                return Ok(None);
            }
            if bytes.len() as u64 > LONGEST {
                let problem = format!("line {} has more than {LONGEST} bytes", self.number);
                let remedy = "expected JSON lines: one object in each line";
                return Err(Error::format(&self.path, problem, remedy));
            }
            bytes.truncate(bytes.trim_ascii_end().len());
            if !bytes.trim_ascii_start().is_empty() {
                return Ok(Some(Line { number: self.number, bytes }));
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    /// The next line. After an error there is none.
    fn next(&mut self) -> Option<Result<Line>> {
        if self.ended {
            return None;
        }
        let line = self.read().transpose();
        self.ended = !matches!(line, Some(Ok(_)));
        line
    }
}

/// The question of a line, in tokens.
///
/// path: the file, for messages.
///
/// # Errors
/// [`Error::Format`] with the number of the line: when it is no object of the form above, has no
/// label, or a label that is no index of an ending; when a text is empty, or has a character that
/// the tokenizer does not know.
pub fn question(line: &Line, tokenizer: &Tokenizer, path: &Path) -> Result<Question> {
    let problem = |text: String, remedy: &str| {
        Error::format(path, format!("line {}: {text}", line.number), remedy)
    };
    let Texts { context, endings, label } = Texts::read(&line.bytes)
        .map_err(|(text, expected)| problem(text, &format!("expected {expected}")))?;
    let encode = |what: &str, text: &str| {
        let unknown = |e: Error| problem(format!("{what}: {e}"), "choose texts that it knows");
        tokenizer.encode_with_special(text).map_err(unknown)
    };
    // White space at the end of the context goes to the ending.
    let trimmed = context.trim_end_matches(is_space);
    let context_tokens = encode("the context", trimmed)?;
    let mut tokens = Vec::new();
    for (i, ending) in endings.iter().enumerate() {
        let all = encode(&format!("ending {i}"), &format!("{context} {ending}"))?;
        let rest = all.get(context_tokens.len()..).unwrap_or_default();
        if rest.is_empty() {
            let text = format!("ending {i} has no tokens of its own behind the context");
            return Err(problem(text, "expected a longer ending"));
        }
        let (characters, bytes) = (ending.chars().count(), ending.len());
        tokens.push(Ending { tokens: rest.to_vec(), characters, bytes });
    }
    // What the tokenizer puts before every text; a context may spell it, and has it once.
    let before = &tokenizer.template().before;
    let context = match context_tokens.starts_with(before) {
        true => context_tokens,
        false => [&before[..], &context_tokens].concat(),
    };
    if context.is_empty() {
        return Err(problem("the context is empty".into(), "expected a text in \"ctx\""));
    }
    Ok(Question { context, endings: tokens, label })
}

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
        let object: Map<String, Value> = serde_json::from_slice(line).map_err(|e| {
            // The library counts lines and columns within this line.
            let message = e.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            (format!("{message} (column {})", e.column()), OBJECT)
        })?;
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

/// What a value of JSON is, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// White space as Python's `str.strip` knows it: Unicode's, and four separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
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
    use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer};

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

    #[test]
    fn an_ending_has_the_space_before_it() {
        let text = "the cat sat on the mat, the cat ran";
        let bpe = Tokenizer::Bpe(BpeTokenizer::train(&text.repeat(9), 290).unwrap());
        let character = Tokenizer::Char(CharTokenizer::train(text).unwrap());
        for tokenizer in [bpe, character] {
            let bytes =
                r#"{"ctx": "the cat [x]", "endings": ["sat on", "ran"], "label": "1"}"#.into();
            let line = Line { number: 1, bytes };
            let question = question(&line, &tokenizer, Path::new("x")).unwrap();
            assert_eq!(tokenizer.decode(&question.context).unwrap(), "the cat");
            let ending = |i: usize| tokenizer.decode(&question.endings[i].tokens).unwrap();
            // The context ends with a space where the bracket was: it goes to the ending.
            assert_eq!((ending(0).as_str(), ending(1).as_str()), ("  sat on", "  ran"));
            assert_eq!((question.endings[0].characters, question.endings[0].bytes), (6, 6));
            assert_eq!(question.label, 1);
        }
    }

    #[test]
    fn lines_are_numbered_whatever_ends_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        std::fs::write(&path, b"\xEF\xBB\xBF{\"a\": 1}\r\n\r\n  \n{\"b\": 2}\n{\"c\": 3}").unwrap();
        let lines: Vec<Line> = Lines::open(&path).unwrap().map(Result::unwrap).collect();
        let seen: Vec<_> = lines.iter().map(|line| (line.number, &line.bytes[..])).collect();
        assert_eq!(seen, [(1, &b"{\"a\": 1}"[..]), (4, b"{\"b\": 2}"), (5, b"{\"c\": 3}")]);

        std::fs::write(&path, [&b"{}\n"[..], &vec![b'x'; LONGEST as usize + 1]].concat()).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        assert!(lines.next().unwrap().is_ok());
        let message = lines.next().unwrap().unwrap_err().to_string();
        assert!(message.contains("line 2 has more than 1048576 bytes"), "{message}");
        assert!(lines.next().is_none());

        assert!(Lines::open(directory.path()).is_err());
        std::fs::write(&path, b"PAR1\x00\x00").unwrap();
        assert!(Lines::open(&path).unwrap_err().to_string().contains("not JSON lines"));
    }
}
