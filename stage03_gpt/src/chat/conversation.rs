//! A conversation that a person has in a terminal: its messages, and its file.
//!
//! It always has the form that templates expect: the system text, if there is one, and then
//! turns, in each of which the person speaks first. Its file is JSON in the form of
//! [`message`](super::message), so that other programs read it, and what others wrote is read
//! here.
//!
//! What this file leaves out: what the model makes of it ([`session`](super::session)).

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use stage01_bigram::{Error, Result, files};

use super::message::{Message, Role, from_json, to_json};

/// The longest file, in bytes.
const LONGEST: u64 = 16_000_000;

/// What to do about a file that holds no conversation.
const REMEDY: &str = "name a file that /save wrote, or a list of messages as the clients of \
                      language models send it";

/// The system text and the turns of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    messages: Vec<Message>,
}

impl Conversation {
    /// An empty conversation with this system text, if it is to have one.
    pub fn new(system: Option<&str>) -> Conversation {
        let mut new = Conversation::default();
        new.set_system(system);
        new
    }

    /// All messages.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The system text.
    pub fn system(&self) -> Option<&str> {
        let first = self.messages.first().filter(|message| message.role == Role::System)?;
        Some(&first.content)
    }

    /// Sets the system text, or removes it.
    pub fn set_system(&mut self, text: Option<&str>) {
        if self.system().is_some() {
            self.messages.remove(0);
        }
        if let Some(text) = text {
            self.messages.insert(0, Message::system(text));
        }
    }

    /// The last message, if it is the person's: a question without an answer.
    pub fn question(&self) -> Option<&str> {
        let last = self.messages.last().filter(|message| message.role == Role::User)?;
        Some(&last.content)
    }

    /// Adds a question. One that has no answer is replaced.
    pub fn ask(&mut self, text: impl Into<String>) {
        self.take_question();
        self.messages.push(Message::user(text));
    }

    /// Adds the answer to the question.
    pub fn answer(&mut self, text: impl Into<String>) {
        self.messages.push(Message::assistant(text));
    }

    /// Takes the question back.
    pub fn take_question(&mut self) -> Option<String> {
        self.question()?;
        Some(self.messages.pop()?.content)
    }

    /// Takes the last answer back, so that its question is asked again. Returns whether there is a
    /// question now.
    pub fn take_answer(&mut self) -> bool {
        if self.messages.last().is_some_and(|message| message.role == Role::Assistant) {
            self.messages.pop();
        }
        self.question().is_some()
    }

    /// How many questions were asked.
    pub fn turns(&self) -> usize {
        self.messages.iter().filter(|message| message.role == Role::User).count()
    }

    /// Reads a conversation.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read; [`Error::Format`] when it is no conversation
    /// in which the turns alternate, behind one system text at most.
    pub fn read(path: &Path) -> Result<Conversation> {
        let wrong = |problem: String| Error::format(path, problem, REMEDY);
        let about = fs::metadata(path).map_err(Error::file("read", path))?;
        if !about.is_file() {
            return Err(wrong("it is no regular file".into()));
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(Error::file("read", path))?;
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
        if bytes.len() as u64 > LONGEST {
            return Err(wrong(format!("it has more than {LONGEST} bytes")));
        }
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("it is no conversation in JSON: {error}")))?;
        let messages =
            from_json(&value).map_err(|problem| wrong(format!("no conversation: {problem}")))?;
        let first = messages.iter().take_while(|message| message.role == Role::System).count();
        if first > 1 {
            return Err(wrong(format!("it has {first} system texts, and one is expected")));
        }
        for (at, message) in messages.iter().enumerate().skip(first) {
            let expected = if (at - first) % 2 == 0 { Role::User } else { Role::Assistant };
            if message.role != expected {
                let [role, expected] = [message.role, expected].map(Role::name);
                let at = at + 1;
                return Err(wrong(format!(
                    "message {at} is of {role}, where {expected} is expected"
                )));
            }
        }
        Ok(Conversation { messages })
    }

    /// Writes the conversation, in one step. A file that is there is replaced if it is a
    /// conversation.
    ///
    /// # Errors
    /// [`Error::Format`] for a file that is something else, and those of
    /// [`files::write_atomically`].
    pub fn write(&self, path: &Path) -> Result<()> {
        if path.exists() && !is_conversation_alone(path) {
            let problem = "it is there, and is no conversation";
            return Err(Error::format(path, problem, "choose another name, so that it is kept"));
        }
        let mut text = serde_json::to_string_pretty(&to_json(&self.messages)).expect("it is JSON");
        text.push('\n');
        files::write_bytes(path, text.as_bytes())
    }
}

/// Whether a file holds a conversation and nothing that would be lost when it is replaced.
fn is_conversation_alone(path: &Path) -> bool {
    let only_messages = |bytes: Vec<u8>| match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => object.keys().all(|key| key == "messages"),
        Ok(Value::Array(_)) => true,
        _ => false,
    };
    Conversation::read(path).is_ok() && fs::read(path).is_ok_and(only_messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_added_and_taken_back() {
        let mut talk = Conversation::new(Some("be brief"));
        assert!(!talk.take_answer());
        talk.ask("one");
        talk.ask("uno");
        talk.answer("1");
        assert_eq!(talk.question(), None);
        assert!(talk.take_answer());
        assert_eq!(talk.question(), Some("uno"));
        talk.set_system(None);
        talk.set_system(Some("shout"));
        talk.set_system(Some("whisper"));
        assert_eq!(talk.messages(), [Message::system("whisper"), Message::user("uno")]);
        assert_eq!((talk.take_question(), talk.take_question()), (Some("uno".into()), None));
        assert_eq!((talk.system(), talk.turns()), (Some("whisper"), 0));
    }

    #[test]
    fn it_is_written_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("talk.json");
        let mut talk = Conversation::new(Some("\u{1b}[2J é"));
        talk.ask("one\ntwo");
        talk.write(&path).unwrap();
        assert_eq!(Conversation::read(&path).unwrap(), talk);
        talk.answer("");
        talk.write(&path).unwrap();
        assert_eq!(Conversation::read(&path).unwrap(), talk);
    }

    #[test]
    fn what_is_no_conversation_is_neither_read_nor_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a file");
        let message = |role: &str| format!(r#"{{"role": "{role}", "content": ""}}"#);
        let [system, user, assistant] = ["system", "user", "assistant"].map(message);
        for (text, words) in [
            ("notes".to_string(), "no conversation in JSON"),
            ("{}".into(), "no list of \"messages\""),
            (format!("[{system}, {system}]"), "2 system texts"),
            (format!("[{assistant}]"), "message 1 is of assistant, where user is expected"),
            (format!("[{system}, {user}, {user}]"), "message 3 is of user"),
            ("[".repeat(100_000), "no conversation in JSON"),
        ] {
            fs::write(&path, &text).unwrap();
            let error = Conversation::read(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            let error = Conversation::default().write(&path).unwrap_err().to_string();
            assert!(error.contains("is no conversation; choose another name"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        // A request of a client has messages, and more that would be lost.
        let request = format!(r#"{{"model": "m", "messages": [{user}]}}"#);
        fs::write(&path, &request).unwrap();
        assert!(Conversation::read(&path).is_ok() && Conversation::default().write(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), request);
        assert!(Conversation::read(&directory.path().join("none")).is_err());
        let error = Conversation::read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{error}");
    }
}
