//! Conversations in tokens, by the templates of models.

use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use stage01_bigram::tokenizer::Tokenizer;
use stage03_gpt::chat::prompt::Prompter;
use stage03_gpt::chat::template::Template as Jinja;
use stage03_gpt::message::{Message, Role, from_json};
use stage03_gpt::model::Model;

use super::super::{Encoder, PlainTemplate, Template};
use super::{learned, model, talk, tokenizer, tokenizer_by, with_end};

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../../../stage03_gpt/src/chat/golden/templates/", $name, ".jinja"))
    };
}

const SPECIAL: [&str; 9] = [
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
];

fn jinja(source: &str) -> Jinja {
    let tokens = [("bos_token", "<s>"), ("eos_token", "</s>")];
    Jinja::new(source, tokens.map(|(name, token)| (name.into(), token.into())).into()).unwrap()
}

fn boxed(source: &str) -> Box<Jinja> {
    Box::new(jinja(source))
}

fn encoder<'t>(source: &str, tokenizer: &'t Tokenizer) -> Encoder<'t> {
    Encoder::new(Template::Own(boxed(source)), tokenizer, &[], 4000).unwrap()
}

/// Templates in the manner of SmolLM2, Llama 3, Mistral and Gemma, the rules of a tokenizer for each,
/// and the token that ends a turn.
const TEMPLATES: [(&str, &str, &str); 4] = [
    (template!("chatml"), "smollm", "<|im_end|>"),
    (template!("llama3"), "llama-bpe", "<|eot_id|>"),
    (template!("mistral"), "gpt-2", "</s>"),
    (template!("gemma"), "gpt-2", "<end_of_turn>"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The model learns its answer behind exactly the tokens that `chat` gives it.
    #[test]
    fn the_prompt_is_that_of_chat(
        said in prop::collection::vec((r"[ -~\n]{0,12}", r"[!-~]([ -~\n]{0,9}[!-~])?"), 1..4),
    ) {
        let mut messages = Vec::new();
        for (question, answer) in &said {
            messages.extend([Message::user(question), Message::assistant(answer)]);
        }
        for (source, rules, end) in TEMPLATES {
            let tokenizer = tokenizer_by(rules, &SPECIAL);
            let example = encoder(source, &tokenizer).encode(&messages).unwrap();
            let prompter = Prompter::new(jinja(source), &tokenizer);
            for (turn, answer) in example.answers.iter().enumerate() {
                let prompt = prompter.encode(&messages[..2 * turn + 1]).unwrap();
                prop_assert_eq!(&example.tokens[..answer.start], prompt);
            }
            let all = learned(&example, &tokenizer);
            for (text, (_, answer)) in all.iter().zip(&said) {
                prop_assert_eq!(text.trim_start().to_string(), format!("{answer}{end}"));
            }
            prop_assert_eq!(all.len(), said.len());
        }
    }

    /// What the plain template writes is what its Jinja writes, and both refuse the same.
    #[test]
    fn the_plain_template_is_the_same_in_jinja(
        said in prop::collection::vec((0..3usize, r"([ '\n{}%<>|a]|\\|\PC){0,9}"), 0..5), ask: bool,
    ) {
        let role = |at: usize| [Role::System, Role::User, Role::Assistant][at];
        let messages: Vec<Message> =
            said.into_iter().map(|(at, text)| Message::new(role(at), text)).collect();
        for (special, bos) in [("<|endoftext|>", false), ("it's \\ </s>", true)] {
            let tokenizer = match bos {
                false => tokenizer(&[special]),
                true => {
                    let Tokenizer::Bpe(bpe) = tokenizer(&["<s>", special]) else { panic!() };
                    let mut parts = bpe.parts().unwrap();
                    parts.bos = Some(parts.tokens.len() as u32 - 2);
                    Tokenizer::Bpe(parts.tokenizer(std::path::Path::new("a test")).unwrap())
                }
            };
            let eos = [tokenizer.vocab_size() as u32 - 1];
            let plain = PlainTemplate::of(&tokenizer, &eos).unwrap();
            let expected = Jinja::new(plain.jinja(), Vec::new()).unwrap().render(&messages, ask);
            match (plain.render(&messages, ask), expected) {
                (Ok(text), Ok(expected)) => {
                    prop_assert_eq!(text.starts_with("<s>"), bos);
                    prop_assert_eq!(text, expected);
                }
                (Err(error), Err(expected)) => {
                    let reason = "take turns, and the user is first";
                    prop_assert!(error.to_string().contains(reason), "{}", error);
                    prop_assert!(expected.to_string().contains(reason), "{}", expected);
                }
                (plain, jinja) => prop_assert!(false, "{plain:?} and {jinja:?}"),
            }
        }
    }
}

#[test]
fn chat_asks_a_model_of_the_plain_template_as_it_was_trained() {
    let tokenizer = with_end();
    let example = super::plain(&tokenizer, 200).encode(&talk(&["a <|endoftext|>", "b"])).unwrap();
    let source = PlainTemplate::of(&tokenizer, &[]).unwrap().jinja().to_string();
    let model = model(with_end(), Some(&source));
    let prompter = Prompter::new(Jinja::of(&model).unwrap(), &model.tokenizer);
    let prompt = prompter.encode(&talk(&["a <|endoftext|>"])).unwrap();
    assert_eq!(&example.tokens[..example.answers[0].start], prompt);
    assert_eq!(prompter.end_of_turn(), tokenizer.end_of_text());
}

/// A tokenizer that merges line breaks: "\n" of the header and "\n\n" of the answer.
#[test]
fn an_answer_does_not_change_the_tokens_of_its_prompt() {
    let tokenizer = tokenizer(&SPECIAL);
    let messages = talk(&["the user", "\n\nanswers"]);
    let example = encoder(template!("chatml"), &tokenizer).encode(&messages).unwrap();
    let together = tokenizer.encode_with_special(&tokenizer.decode(&example.tokens).unwrap());
    assert_ne!(together.unwrap(), example.tokens, "the case that this test is about");
    let prompter = Prompter::new(jinja(template!("chatml")), &tokenizer);
    let prompt = prompter.encode(&messages[..1]).unwrap();
    assert_eq!(&example.tokens[..example.answers[0].start], prompt);
    assert_eq!(learned(&example, &tokenizer), ["\n\nanswers<|im_end|>"]);
}

#[test]
fn a_template_in_which_answers_cannot_be_found_is_refused() {
    let tokenizer = tokenizer(&SPECIAL);
    let error = |source: &str, messages: &[Message]| {
        encoder(source, &tokenizer).encode(messages).unwrap_err().to_string()
    };
    let turns = talk(&["a", "b", "c", "d"]);
    // What was said before the last question is left out, as thoughts are.
    let forgets = "{% for m in messages %}{% if loop.last or m.role == 'user' %}{{ m.content }}</s>\
                   {% endif %}{% endfor %}";
    let refused = error(forgets, &turns);
    assert!(refused.contains("the beginning of this conversation in two ways"), "{refused}");
    assert!(encoder(forgets, &tokenizer).encode(&turns[..2]).is_ok());
    let no_system = "{% for m in messages if m.role != 'system' %}{{ m.content }}</s>{% endfor %}";
    let mut with_system = vec![Message::system("be brief")];
    with_system.extend(talk(&["a", "b"]));
    let refused = error(no_system, &with_system);
    assert!(refused.contains("it leaves out the system text"), "{refused}");
    let refused = error(template!("gemma"), &with_system);
    assert!(refused.contains("it refuses this conversation: System role not supp"), "{refused}");
    let refused = error(template!("mistral"), &[&turns[..1], &turns[..2]].concat());
    assert!(refused.contains("it refuses this conversation"), "{refused}");
    let first_only = "{% for m in messages %}{{ m.content }}{% if loop.index == 2 %}</s>{% endif %}\
                      {% endfor %}";
    let refused = error(first_only, &turns);
    assert!(refused.contains("no token that ends the answer in message 4"), "{refused}");
    let empty = "{% for m in messages %}{{ m.content if m.content != 'b' }}</s>{% endfor %}";
    let refused = error(empty, &turns);
    assert!(refused.contains("it leaves out the answer in message 2"), "{refused}");
    let endless = Template::Own(boxed("{% for m in messages %}{{ m.content }}{% endfor %}"));
    let refused = Encoder::new(endless, &tokenizer, &[], 99).unwrap_err().to_string();
    assert!(refused.contains("no token behind an answer"), "{refused}");
}

/// SmolLM2-135M-Instruct, if the file is at hand: that of the environment variable `SMOLLM2_GGUF`, or
/// the one in `models`, where `stage03_gpt/fetch-smollm2.sh` puts it.
fn smollm2() -> Option<Model> {
    const NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models").join(NAME);
    let path = std::env::var_os("SMOLLM2_GGUF").map_or(models, PathBuf::from);
    if path.exists() {
        return Some(Model::load_quantised(&path).unwrap());
    }
    // Not with `eprintln!`, whose output the test harness keeps to itself.
    let remedy = "stage03_gpt/fetch-smollm2.sh fetches it";
    writeln!(std::io::stderr(), "skipped: {} is missing; {remedy}", path.display()).unwrap();
    None
}

/// `golden/make_golden.py` made the expected tokens by `apply_chat_template` of transformers.
#[test]
fn the_tokens_of_smollm2_are_those_of_transformers() {
    let Some(model) = smollm2() else { return };
    let golden: Value = serde_json::from_str(include_str!("../golden/smollm2.json")).unwrap();
    let encoder =
        Encoder::new(Template::of(&model).unwrap(), &model.tokenizer, &model.special.eos, 2048)
            .unwrap();
    let prompter = Prompter::new(Jinja::of(&model).unwrap(), &model.tokenizer);
    for chat in golden.as_array().unwrap() {
        let messages = from_json(&chat["messages"]).unwrap();
        let ids = |name: &str| serde_json::from_value::<Vec<u32>>(chat[name].clone()).unwrap();
        let example = encoder.encode(&messages).unwrap();
        assert_eq!(example.tokens, ids("ids"), "{chat}");
        // transformers marks what is learned where a template has the tags `generation`.
        let mut mask = vec![0; example.tokens.len()];
        example.answers.iter().for_each(|answer| mask[answer.clone()].fill(1));
        assert_eq!(mask, ids("assistant_masks"), "{chat}");
        let mut answers = example.answers.iter();
        for (at, _) in messages.iter().enumerate().filter(|(_, m)| m.role == Role::Assistant) {
            let prompt = prompter.encode(&messages[..at]).unwrap();
            assert_eq!(&example.tokens[..answers.next().unwrap().start], prompt);
        }
    }
    assert_eq!(golden.as_array().unwrap().len(), 6);
}
