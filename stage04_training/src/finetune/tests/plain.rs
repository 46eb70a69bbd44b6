//! The plain template, against what transformers makes of its Jinja.

use serde_json::Value;
use stage03_gpt::message::from_json;

use super::super::PlainTemplate;
use super::with_end;

/// `golden/make_golden.py` made the texts.
#[test]
fn its_texts_are_those_of_transformers() {
    let template = PlainTemplate::of(&with_end(), &[]).unwrap();
    assert_eq!(template.jinja(), include_str!("../golden/plain.jinja").trim_end());
    let golden: Value = serde_json::from_str(include_str!("../golden/plain.json")).unwrap();
    let chats = golden.as_array().unwrap();
    for chat in chats {
        let messages = from_json(&chat["messages"]).unwrap();
        let text = template.render(&messages, chat["ask"].as_bool().unwrap());
        match chat["text"].as_str() {
            Some(expected) => assert_eq!(text.unwrap(), expected),
            None => assert!(text.unwrap_err().to_string().contains("take turns"), "{chat}"),
        }
    }
    assert_eq!(chats.iter().filter(|chat| chat["text"].is_string()).count(), 10);
    assert_eq!(chats.len(), 16);
}
