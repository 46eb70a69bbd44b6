//! Conversations in tokens, by the plain template.

use proptest::prelude::*;
use stage03_gpt::message::Message;

use super::super::{Encoder, Origin, PlainTemplate, Template};
use super::{learned, model, plain, talk, tokenizer, with_end};

#[test]
fn what_is_learned_are_the_answers_and_their_ends() {
    let tokenizer = with_end();
    let mut messages = vec![Message::system(" Be brief. ")];
    messages.extend(talk(&["the user?", " yes\n", "and\n\nthen", "no."]));
    let example = plain(&tokenizer, 200).encode(&messages).unwrap();
    let text = "Be brief.\n\nUser:\nthe user?\n\nAssistant:\nyes<|endoftext|>\n\n\
                User:\nand\n\nthen\n\nAssistant:\nno.<|endoftext|>";
    assert_eq!(example.tokens, tokenizer.encode_with_special(text).unwrap());
    assert_eq!(learned(&example, &tokenizer), ["yes<|endoftext|>", "no.<|endoftext|>"]);
    assert_eq!(example.origin, Origin::Conversation { messages: 5 });
    let counted: usize = example.answers.iter().map(|answer| answer.len()).sum();
    assert_eq!(example.learned(), counted);
}

proptest! {
    /// Whatever people write, the special tokens are the template's, and the answers are learned.
    #[test]
    fn nobody_can_write_a_special_token(
        said in prop::collection::vec(r"(<\|endoftext\|>|<\||[a-e '\n]|\PC|[\u{FDD0}-\u{FDD2}]){1,9}", 1..4),
        system in prop::option::of(r"(<\|endoftext\|>|[a-e\n]){0,6}"),
    ) {
        let tokenizer = with_end();
        let end = tokenizer.end_of_text().unwrap();
        let mut messages: Vec<Message> = system.into_iter().map(Message::system).collect();
        let mut expected = Vec::new();
        for text in &said {
            prop_assume!(!text.trim().is_empty());
            messages.extend([Message::user(text), Message::assistant(text)]);
            expected.push(format!("{}<|endoftext|>", text.trim()));
        }
        let example = plain(&tokenizer, 2000).encode(&messages).unwrap();
        prop_assert_eq!(learned(&example, &tokenizer), expected);
        let ends = example.tokens.iter().filter(|&&token| token == end).count();
        prop_assert_eq!(ends, said.len());
        let text = PlainTemplate::of(&tokenizer, &[]).unwrap().render(&messages, false).unwrap();
        prop_assert_eq!(tokenizer.decode(&example.tokens).unwrap(), text);
    }
}

#[test]
fn a_conversation_fits_or_is_refused_with_its_length() {
    let tokenizer = with_end();
    let messages = talk(&["the user", "answers"]);
    let length = plain(&tokenizer, 1000).encode(&messages).unwrap().tokens.len();
    assert!(plain(&tokenizer, length).encode(&messages).is_ok());
    let error = plain(&tokenizer, length - 1).encode(&messages).unwrap_err().to_string();
    let expected = format!("it has {length} tokens, and {} tokens fit", length - 1);
    assert!(error.contains(&expected), "{error}");
    // Not even written: that would take a time that grows with the square of their number.
    let many = vec![Message::user("a"); 100_000];
    let error = plain(&tokenizer, 50).encode(&many).unwrap_err().to_string();
    assert!(error.contains("it has 100,000 messages, and 50 tokens fit"), "{error}");
}

#[test]
fn roles_out_of_order_are_refused() {
    let tokenizer = with_end();
    let encoder = plain(&tokenizer, 100);
    let [user, assistant, system] =
        [Message::user("a"), Message::assistant("b"), Message::system("c")];
    for (messages, place) in [
        (vec![user.clone(), user.clone(), assistant.clone()], "message 2 is of the role user"),
        (vec![user.clone(), assistant.clone(), assistant.clone()], "message 3 is of the role assi"),
        (vec![user.clone(), system.clone(), assistant.clone()], "message 2 is of the role system"),
        (vec![system.clone(), system, user, assistant], "message 2 is of the role system"),
    ] {
        let error = encoder.encode(&messages).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains("take turns"), "{error}");
    }
}

#[test]
fn a_model_without_an_end_token_is_refused() {
    let characters = "char".parse::<stage01_bigram::tokenizer::TokenizerKind>().unwrap();
    for tokenizer in [characters.train("User: Assistant").unwrap(), tokenizer(&[])] {
        let error = Template::of(&model(tokenizer, None)).unwrap_err().to_string();
        assert!(error.contains("no token that ends a text"), "{error}");
    }
}

/// The end-of-text token that the model's files name comes first.
#[test]
fn the_end_is_the_token_that_the_model_names() {
    let tokenizer = tokenizer(&["<|endoftext|>", "<|im_end|>"]);
    let named = tokenizer.encode_with_special("<|im_end|>").unwrap()[0];
    let template = PlainTemplate::of(&tokenizer, &[5, named]).unwrap();
    assert_eq!(template.end(), named);
    let encoder = Encoder::new(Template::Plain(template), &tokenizer, &[5, named], 99).unwrap();
    let example = encoder.encode(&talk(&["a", "b"])).unwrap();
    assert_eq!(learned(&example, &tokenizer), ["b<|im_end|>"]);
    assert_eq!(PlainTemplate::of(&tokenizer, &[]).unwrap().end(), named - 1);
}

#[cfg(not(feature = "chat"))]
#[test]
fn a_template_of_the_model_needs_the_feature() {
    let error = Template::of(&model(with_end(), Some("{{ 1 }}"))).unwrap_err().to_string();
    assert!(error.contains("--features chat"), "{error}");
}
