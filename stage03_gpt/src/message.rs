//! Messages: who says what.
//!
//! As JSON they have the form that the clients of language models share, OpenAI's:
//!
//! ```json
//! {"messages": [
//!   {"role": "system", "content": "Answer in one sentence."},
//!   {"role": "user", "content": "What is gravity?"}
//! ]}
//! ```
//!
//! What comes in this form, from a file or a client, is checked before it is used. [`guard`] keeps
//! what somebody wrote from becoming special tokens. What this file leaves out: messages of tools, and
//! contents that are not text.

mod end_of_turn;
pub mod guard;

use serde::Serialize;
use serde_json::{Value, json};

pub use self::end_of_turn::end_of_turn;

/// Who says something. A closed list: templates write roles between special tokens, so a role that
/// anybody could invent could spell one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions that stand before a conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// Its name, as templates and clients write it.
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }

    /// The role of this name. `developer` is a newer name of `system`.
    pub fn parse(name: &str) -> Option<Role> {
        match name {
            "system" | "developer" => Some(Role::System),
            "user" => Some(Role::User),
            "assistant" => Some(Role::Assistant),
            _ => None,
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of this role.
    pub fn new(role: Role, content: impl Into<String>) -> Message {
        Message { role, content: content.into() }
    }

    /// The system text.
    pub fn system(content: impl Into<String>) -> Message {
        Message::new(Role::System, content)
    }

    /// What the person says.
    pub fn user(content: impl Into<String>) -> Message {
        Message::new(Role::User, content)
    }

    /// What the model says.
    pub fn assistant(content: impl Into<String>) -> Message {
        Message::new(Role::Assistant, content)
    }
}

/// Messages from JSON: a list of them, or an object whose `messages` is one. A content is a text,
/// or a list of parts of the type `text`, which are put together.
///
/// # Errors
/// What is wrong, where, and what was expected, as a part of a sentence.
pub fn from_json(value: &Value) -> Result<Vec<Message>, String> {
    let list = match value {
        Value::Array(list) => list,
        Value::Object(object) => match object.get("messages") {
            Some(Value::Array(list)) => list,
            Some(_) => return Err("\"messages\" is no list".into()),
            None => return Err("it has no list of \"messages\"".into()),
        },
        _ => return Err("it is no list of messages".into()),
    };
    list.iter().enumerate().map(|(at, value)| message(at + 1, value)).collect()
}

/// The message number `at` of a list, counted from 1.
fn message(at: usize, value: &Value) -> Result<Message, String> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let role = match text("role") {
        None => return Err(format!("message {at} has no \"role\"")),
        Some(name) => Role::parse(name).ok_or_else(|| {
            format!("the role of message {at} is {name:?}, not system, user or assistant")
        })?,
    };
    let content = match value.get("content") {
        Some(Value::String(content)) => content.clone(),
        Some(Value::Array(parts)) => {
            let text = |part: &Value| match part.get("type").and_then(Value::as_str) {
                Some("text") => part.get("text").and_then(Value::as_str).map(str::to_string),
                _ => None,
            };
            let texts: Option<Vec<String>> = parts.iter().map(text).collect();
            texts.ok_or_else(|| format!("message {at} has a part that is no text"))?.concat()
        }
        _ => return Err(format!("message {at} has no text as its \"content\"")),
    };
    Ok(Message { role, content })
}

/// Messages as JSON: an object with one list, `messages`.
pub fn to_json(messages: &[Message]) -> Value {
    json!({ "messages": messages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(said in prop::collection::vec((0..3, ".*"), 0..6)) {
            let role = |at: i32| [Role::System, Role::User, Role::Assistant][at as usize];
            let messages: Vec<Message> =
                said.into_iter().map(|(at, text)| Message::new(role(at), text)).collect();
            let text = to_json(&messages).to_string();
            prop_assert_eq!(from_json(&serde_json::from_str(&text).unwrap()), Ok(messages));
        }
    }

    #[test]
    fn both_forms_and_contents_in_parts_are_read() {
        let list = json!([
            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "c", "name": "Ada"}
        ]);
        let expected = Ok(vec![Message::system("ab"), Message::user("c")]);
        assert_eq!(from_json(&list), expected);
        assert_eq!(from_json(&json!({ "model": "m", "messages": list })), expected);
    }

    #[test]
    fn what_is_no_conversation_is_named() {
        for (value, words) in [
            (json!(1), "no list of messages"),
            (json!({"a": []}), "no list of \"messages\""),
            (json!({"messages": 1}), "\"messages\" is no list"),
            (json!([1]), "message 1 has no \"role\""),
            (json!([{"role": "user", "content": ""}, {"role": "tool"}]), "message 2 is \"tool\""),
            (json!([{"role": "user"}]), "message 1 has no text"),
            (json!([{"role": "user", "content": null}]), "message 1 has no text"),
            (json!([{"role": "user", "content": [{"type": "image_url"}]}]), "a part that is no"),
        ] {
            let problem = from_json(&value).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
