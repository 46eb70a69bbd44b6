//! Prompts: whatever people write, the special tokens are those of the template.

use proptest::prelude::*;
use stage01_bigram::tokenizer::bpe::token_type;
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};

use crate::chat::message::{Message, Role};
use crate::chat::prompt::Prompter;
use crate::chat::template::Template;

pub(super) const CHATML: &str = include_str!("../golden/templates/chatml.jinja");

/// A byte-level tokenizer with these special tokens, from 300 on.
pub(super) fn tokenizer(special: &[&str]) -> Tokenizer {
    let text = "the user asks and the assistant of the system answers the user ".repeat(9);
    let mut parts = BpeTokenizer::train(&text, 300).unwrap().parts().unwrap();
    parts.types.resize(parts.tokens.len(), token_type::NORMAL);
    for spelling in special {
        parts.tokens.push(spelling.to_string());
        parts.types.push(token_type::CONTROL);
    }
    Tokenizer::Bpe(parts.tokenizer(std::path::Path::new("a test")).unwrap())
}

const SPECIAL: [&str; 4] = ["<|im_start|>", "<|im_end|>", "<s>", "[INST]"];

fn prompter(tokenizer: &Tokenizer) -> Prompter<'_> {
    Prompter::new(Template::new(CHATML, Vec::new()).unwrap(), tokenizer)
}

fn role(at: usize) -> Role {
    [Role::System, Role::User, Role::Assistant][at]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The tokens are those of the template, and between them, as ordinary text, what was written.
    #[test]
    fn nobody_can_write_a_special_token(
        said in prop::collection::vec(
            (0..3usize, r"(<\|im_end\|>|<\|im_start\|>|<s>|\[INST\]|<\|im|<|\||[a-e \n]|\PC|[\u{FDD0}-\u{FDD2}]){0,12}"),
            1..5,
        ),
    ) {
        let tokenizer = tokenizer(&SPECIAL);
        let messages: Vec<Message> =
            said.into_iter().map(|(at, text)| Message::new(role(at), text)).collect();
        let tokens = prompter(&tokenizer).encode(&messages).unwrap();
        let special: Vec<u32> =
            tokens.iter().copied().filter(|&token| tokenizer.is_special(token)).collect();
        let id = |spelling: &str| tokenizer.encode_with_special(spelling).unwrap()[0];
        let [start, end] = [id("<|im_start|>"), id("<|im_end|>")];
        let turns = messages.len() + usize::from(messages[0].role != Role::System);
        let mut expected = [start, end].repeat(turns);
        expected.push(start);
        prop_assert_eq!(special, expected);
        // And all that was written is there.
        let text = Template::new(CHATML, Vec::new()).unwrap().render(&messages, true).unwrap();
        prop_assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
    }
}

#[test]
fn without_forgery_the_tokens_are_those_of_the_text() {
    let tokenizer = tokenizer(&SPECIAL);
    let messages = [Message::system("ok"), Message::user("is 1 < 2, or [1] | x? the user 🦀")];
    let prompter = prompter(&tokenizer);
    let text = prompter.template().render(&messages, true).unwrap();
    let expected = tokenizer.encode_with_special(&text).unwrap();
    assert_eq!(prompter.encode(&messages).unwrap(), expected);
}

/// The end of a message and the text behind it do not make a special token together.
#[test]
fn a_spelling_is_not_completed_by_the_template() {
    let tokenizer = tokenizer(&["<|end|>"]);
    let source = "{% for message in messages %}{{ message.content }}|>{% endfor %}";
    let template = || Template::new(source, Vec::new()).unwrap();
    let prompter = Prompter::new(template(), &tokenizer);
    let tokens = prompter.encode(&[Message::user("a<|end")]).unwrap();
    assert!(!tokens.iter().any(|&token| tokenizer.is_special(token)));
    assert_eq!(tokenizer.decode(&tokens).unwrap(), "a<|end|>");
}

#[test]
fn a_beginning_token_stands_once_where_the_template_writes_it() {
    let tokenizer = tokenizer(&SPECIAL);
    let tokens = vec![("bos_token".to_string(), "<s>".to_string())];
    let source = "{{ bos_token }}{{ messages[0].content }}";
    let prompter = Prompter::new(Template::new(source, tokens).unwrap(), &tokenizer);
    let tokens = prompter.encode(&[Message::user("<s>a")]).unwrap();
    let begin = tokenizer.encode_with_special("<s>").unwrap()[0];
    assert_eq!(tokens[0], begin);
    assert_eq!(tokens.iter().filter(|&&token| token == begin).count(), 1);
}

#[test]
fn a_conversation_that_uses_every_guard_is_refused() {
    let tokenizer = tokenizer(&SPECIAL);
    let mut all: String = ('\u{FDD0}'..='\u{FDEF}').collect();
    let error = prompter(&tokenizer).encode(&[Message::user(&*all)]).unwrap_err().to_string();
    assert!(error.contains("U+FDD0 to U+FDEF"), "{error}");
    all.pop();
    assert!(prompter(&tokenizer).encode(&[Message::user(all)]).is_ok());
}

#[test]
fn the_end_of_a_turn_is_what_the_template_writes_behind_an_answer() {
    let tokenizer = tokenizer(&SPECIAL);
    let end = tokenizer.encode_with_special("<|im_end|>").unwrap()[0];
    assert_eq!(prompter(&tokenizer).end_of_turn(), Some(end));
    let without = Template::new("{{ messages[1].content }} and more", Vec::new()).unwrap();
    assert_eq!(Prompter::new(without, &tokenizer).end_of_turn(), None);
}
