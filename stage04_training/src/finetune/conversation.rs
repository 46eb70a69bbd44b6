//! A line of JSON as a conversation. Three forms are common, and known by their keys:
//!
//! | keys | form of | becomes |
//! |---|---|---|
//! | `messages` | OpenAI's clients, TRL | the messages as they are |
//! | `instruction`, `input`, `output` | Stanford Alpaca (Taori and others 2023) | a question, and its answer |
//! | `prompt`, `completion` | TRL, older clients of OpenAI | a question, and its answer |
//!
//! An object may have other keys, too; where it has those of several forms, the first in this table
//! counts. An `input` that is there and not empty follows the instruction after an empty line.
//!
//! What is learned are the answers, so a conversation ends with one. Which other orders of roles are
//! allowed is said by the template.

use serde_json::{Map, Value};
use stage01_bigram::form;
use stage03_gpt::files::json_lines::{kind, object};
use stage03_gpt::message::{Message, Role, from_json};

/// The problem and its remedy.
type Problem = (String, String);

/// The remedy for a line that is none of the forms.
const FORMS: &str = "expected \"messages\", or \"instruction\" and \"output\", or \"prompt\" and \
                     \"completion\"";

/// How many keys of an object are named, and how many characters of each.
const NAMED: (usize, usize) = (6, 30);

/// The conversation of a line.
///
/// # Errors
/// What is wrong, and what to do: for what is not UTF-8, no JSON object, or none of the three forms;
/// for a role or a content that is not known; for an answer that is empty or missing.
///
/// ```
/// use stage03_gpt::message::Message;
/// use stage04_training::finetune::conversation;
///
/// let line = br#"{"instruction": "Add.", "input": "1, 2", "output": "3", "source": "a book"}"#;
/// let expected = [Message::user("Add.\n\n1, 2"), Message::assistant("3")];
/// assert_eq!(conversation(line), Ok(expected.to_vec()));
/// ```
pub fn conversation(line: &[u8]) -> Result<Vec<Message>, (String, String)> {
    if let Err(error) = std::str::from_utf8(line) {
        return Err(form::not_utf8(line, &error));
    }
    let object = object(line).map_err(|problem| {
        (format!("not a JSON object: {problem}"), "expected one object in each line".to_string())
    })?;
    let has = |key: &str| object.contains_key(key);
    let messages = if has("messages") {
        let remedy = "expected objects with \"role\" and \"content\"";
        from_json(&object["messages"]).map_err(|problem| (problem, remedy.to_string()))?
    } else if has("instruction") && has("output") {
        let question = match optional(&object, "input")? {
            "" => text(&object, "instruction")?.to_string(),
            input => format!("{}\n\n{input}", text(&object, "instruction")?),
        };
        vec![Message::user(question), Message::assistant(text(&object, "output")?)]
    } else if has("prompt") && has("completion") {
        let (question, answer) = (text(&object, "prompt")?, text(&object, "completion")?);
        vec![Message::user(question), Message::assistant(answer)]
    } else {
        return Err(unknown_form(&object));
    };
    check(&messages)?;
    Ok(messages)
}

/// Refuses a conversation from which nothing can be learned.
fn check(messages: &[Message]) -> Result<(), Problem> {
    let problem = |text: String, remedy: &str| Err((text, remedy.to_string()));
    let Some(last) = messages.last() else {
        return problem("it has no messages".into(), "expected a question and its answer");
    };
    if !messages.iter().any(|message| message.role == Role::Assistant) {
        return problem(
            "it has no answer: no message of the assistant".into(),
            "add one, because the answers are what is learned",
        );
    }
    for (at, message) in (1..).zip(messages) {
        if message.role == Role::Assistant && message.content.trim().is_empty() {
            return problem(format!("the answer in message {at} is empty"), "write one");
        }
    }
    if messages[0].role == Role::Assistant {
        let remedy = "begin with a message of the user";
        return problem("it begins with an answer, and no question".into(), remedy);
    }
    if last.role != Role::Assistant {
        let text =
            format!("the last message is of the role {}, and has no answer", last.role.name());
        return problem(text, "add the answer, or take the message away");
    }
    Ok(())
}

/// The text of a key.
fn text<'o>(object: &'o Map<String, Value>, key: &str) -> Result<&'o str, Problem> {
    match object.get(key) {
        Some(Value::String(text)) => Ok(text),
        other => {
            let kind = other.map_or("missing", kind);
            Err((format!("{key:?} is {kind}"), "expected a text there".into()))
        }
    }
}

/// The text of a key that may be missing or null.
fn optional<'o>(object: &'o Map<String, Value>, key: &str) -> Result<&'o str, Problem> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(""),
        _ => text(object, key),
    }
}

/// The problem of an object that has none of the forms: which keys it has.
fn unknown_form(object: &Map<String, Value>) -> Problem {
    let (most, letters) = NAMED;
    let short = |key: &String| format!("{:?}", key.chars().take(letters).collect::<String>());
    let mut keys: Vec<String> = object.keys().take(most).map(short).collect();
    if object.len() > most {
        keys.push("…".into());
    }
    let found = match keys.is_empty() {
        true => "an empty object".to_string(),
        false => format!("an object with {}", keys.join(", ")),
    };
    let remedy = match object.contains_key("text") {
        true => format!("{FORMS}; for plain text write the texts into a file named .txt"),
        false => FORMS.to_string(),
    };
    (format!("no known form of an example: {found}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_forms_are_read() {
        let question_and_answer = |question: &str, answer: &str| {
            vec![Message::user(question), Message::assistant(answer)]
        };
        for (line, expected) in [
            (r#"{"prompt": "a", "completion": "b", "input": 3}"#, question_and_answer("a", "b")),
            (r#"{"instruction": "a", "output": "b"}"#, question_and_answer("a", "b")),
            (r#"{"instruction": "a", "input": "", "output": "b"}"#, question_and_answer("a", "b")),
            (
                r#"{"instruction": "a", "input": null, "output": "b"}"#,
                question_and_answer("a", "b"),
            ),
            (
                r#"{"instruction": "a", "input": "i", "output": "b"}"#,
                question_and_answer("a\n\ni", "b"),
            ),
            (
                r#"{"prompt": "x", "completion": "y", "messages": [{"role": "system", "content": "s"},
                    {"role": "user", "content": "a"}, {"role": "assistant", "content": " b\n"}]}"#,
                [vec![Message::system("s")], question_and_answer("a", " b\n")].concat(),
            ),
        ] {
            assert_eq!(conversation(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_conversation_is_named() {
        let said = |roles: &[&str]| {
            let messages: Vec<Value> = roles
                .iter()
                .map(|role| serde_json::json!({ "role": role, "content": "x" }))
                .collect();
            serde_json::json!({ "messages": messages }).to_string()
        };
        for (line, words) in [
            ("{\"a\"".to_string(), "not a JSON object: EOF while parsing an object (column 4)"),
            ("[1]".into(), "not a JSON object: invalid type: sequence"),
            ("{}".into(), "no known form of an example: an empty object"),
            (r#"{"instruction": "a", "prompt": "b"}"#.into(), r#"with "instruction", "prompt""#),
            (r#"{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1}"#.into(), r#""5", "6", …"#),
            (r#"{"messages": "a"}"#.into(), "it is no list of messages"),
            (r#"{"messages": []}"#.into(), "it has no messages"),
            (said(&["user", "tool"]), "the role of message 2 is \"tool\""),
            (said(&["user"]), "it has no answer"),
            (said(&["system", "user"]), "it has no answer"),
            (said(&["assistant", "user", "assistant"]), "it begins with an answer"),
            (said(&["user", "assistant", "user"]), "the last message is of the role user"),
            (r#"{"messages": [{"role": "user", "content": 7}]}"#.into(), "message 1 has no text"),
            (r#"{"prompt": "a", "completion": " \n"}"#.into(), "the answer in message 2 is empty"),
            (r#"{"prompt": "a", "completion": null}"#.into(), "\"completion\" is null"),
            (r#"{"prompt": ["a"], "completion": "b"}"#.into(), "\"prompt\" is a list"),
            (r#"{"instruction": "a", "input": 1, "output": "b"}"#.into(), "\"input\" is a number"),
        ] {
            let (problem, _) = conversation(line.as_bytes()).unwrap_err();
            assert!(problem.contains(words), "{line}: {problem}");
        }
        let (problem, remedy) = conversation(b"{\"prompt\": \"caf\xe9\"}").unwrap_err();
        assert!(problem.contains("not UTF-8 text: found the byte 0xE9"), "{problem}");
        assert!(remedy.contains("iconv"), "{remedy}");
        let (_, remedy) = conversation(br#"{"text": "a"}"#).unwrap_err();
        assert!(remedy.contains(".txt"), "{remedy}");
        assert!(conversation("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = conversation(&line);
        }
    }
}
