//! Sessions: an answer is that of a new session, whatever the cache holds.

use proptest::prelude::*;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage02_attention::params::{Params, fill_normal};

use super::prompts::{CHATML, tokenizer};
use crate::chat::message::Message;
use crate::chat::session::{Answer, Event, Finish, Session};
use crate::config::GptConfig;
use crate::files::hugging_face::TextSettings;
use crate::gpt::Gpt;
use crate::model::{Model, ModelWeights, SpecialTokens};

const CONTEXT: usize = 160;

/// A small model with random weights and a chat template.
fn model(seed: u64) -> Model {
    let tokenizer = tokenizer(&["<|im_start|>", "<|im_end|>"]);
    let gpt = Gpt::new(GptConfig {
        vocab_size: tokenizer.vocab_size(),
        block_size: CONTEXT,
        n_layer: 1,
        n_head: 2,
        n_embd: 16,
        ..GptConfig::default()
    })
    .unwrap();
    let mut params = Params::zeros(gpt.layout());
    fill_normal(&mut params.values, 0.5, &mut generator(seed, Purpose::Initialisation, 0));
    let weights = ModelWeights::Full(params);
    let mut text_settings = TextSettings::default();
    text_settings.chat_template = Some(CHATML.replace("You are a helper.", "Be kind."));
    Model { gpt, weights, tokenizer, special: SpecialTokens::default(), text_settings }
}

fn rng() -> Generator {
    generator(7, Purpose::Sampling, 0)
}

fn ask(session: &mut Session, messages: &[Message], limit: usize) -> Answer {
    let mut sampler = Sampler::new(1.0, None, None).unwrap();
    session.answer(messages, &mut sampler, &mut rng(), limit, |_| true).unwrap()
}

/// The answer without what tells of the cache.
fn said(answer: Answer) -> Answer {
    Answer { cached_tokens: 0, ..answer }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Turns that are added, asked again, changed, or interrupted.
    #[test]
    fn an_answer_does_not_depend_on_the_cache(
        seed in 0u64..9, steps in prop::collection::vec((0..4, "[a-z ]{0,9}", 0usize..9), 1..8),
    ) {
        let model = model(seed);
        let mut session = Session::new(&model).unwrap();
        let mut messages = vec![Message::system("s")];
        for (kind, text, stop) in steps {
            match kind {
                0 if messages.len() > 2 => messages.truncate(messages.len() - 2),
                1 => messages[0].content.push_str(&text),
                _ => {}
            }
            messages.push(Message::user(&*text));
            if kind == 3 {
                let mut left = stop;
                let mut sampler = Sampler::new(1.0, None, None).unwrap();
                session.answer(&messages, &mut sampler, &mut rng(), 9, |_| {
                    left = left.saturating_sub(1);
                    left > 0
                }).unwrap();
            }
            let (answer, new) = (ask(&mut session, &messages, 9), &mut Session::new(&model).unwrap());
            let shifted = messages.len() != new_messages(&session, &messages);
            if !shifted {
                prop_assert_eq!(said(answer.clone()), said(ask(new, &messages, 9)));
            }
            messages.push(Message::assistant(answer.text));
        }
    }
}

/// How many messages the model gets.
fn new_messages(session: &Session, messages: &[Message]) -> usize {
    messages.len() - session.dropped()
}

#[test]
fn only_what_is_new_is_read() {
    let model = model(1);
    let mut session = Session::new(&model).unwrap();
    let mut messages = vec![Message::user("one")];
    let first = ask(&mut session, &messages, 5);
    assert_eq!((first.cached_tokens, first.finish), (0, Finish::Length));
    assert_eq!(session.cached(), first.prompt_tokens + 5);
    // The same again: everything is there, and the last token is read for its logits.
    let (mut read, mut text) = (Vec::new(), String::new());
    let mut sampler = Sampler::new(1.0, None, None).unwrap();
    let again = session.answer(&messages, &mut sampler, &mut rng(), 5, |event| {
        match event {
            Event::Reading { done, of } => read.push((done, of)),
            Event::Text(more) => text.push_str(more),
            Event::Silent => {}
            Event::Shifted { .. } => panic!("all of it fits"),
        }
        true
    });
    let again = again.unwrap();
    assert_eq!(again.cached_tokens, first.prompt_tokens);
    assert_eq!(read, [(0, 1), (1, 1)]);
    assert_eq!((&text, &again.text), (&first.text, &first.text));
    messages.extend([Message::assistant("two"), Message::user("three")]);
    let next = ask(&mut session, &messages, 5);
    assert!(next.cached_tokens >= first.prompt_tokens);
}

#[test]
fn the_system_text_outlives_the_oldest_turns() {
    let model = model(2);
    let mut session = Session::new(&model).unwrap();
    let system = session.prompter().encode(&[Message::system("Be kind to all.")]).unwrap();
    let system = &system[..system.len() - 5];
    let mut messages = vec![Message::system("Be kind to all.")];
    let mut shifts = Vec::new();
    for turn in 0..12 {
        messages.push(Message::user(format!("question {turn} of the user")));
        let mut sampler = Sampler::new(1.0, None, None).unwrap();
        let answer = session.answer(&messages, &mut sampler, &mut rng(), 60, |event| {
            if let Event::Shifted { dropped } = event {
                shifts.push((turn, dropped));
            }
            true
        });
        messages.push(Message::assistant(answer.unwrap().text));
        assert!(session.cached() <= CONTEXT);
        let mut context = session.tokens().iter();
        assert!(system.iter().all(|token| context.next() == Some(token)), "turn {turn}");
    }
    assert!(shifts.len() > 2, "{shifts:?}");
    assert!(shifts.iter().all(|(_, dropped)| dropped % 2 == 0), "whole turns: {shifts:?}");
}

/// With a greedy sampler, a shift inside an answer changes what the model knows and nothing that
/// was said: the answer has as many tokens as were asked for.
#[test]
fn an_answer_goes_on_when_the_context_is_full() {
    let model = model(3);
    let mut session = Session::new(&model).unwrap();
    let messages = [Message::user("a".repeat(40)), Message::assistant("b"), Message::user("c")];
    let mut shifted = false;
    let mut sampler = Sampler::greedy();
    let answer = session.answer(&messages, &mut sampler, &mut rng(), 100, |event| {
        shifted |= matches!(event, Event::Shifted { .. });
        true
    });
    let answer = answer.unwrap();
    assert!(shifted || answer.finish == Finish::Stop, "{answer:?}");
    assert!(answer.finish == Finish::Stop || answer.completion_tokens == 100, "{answer:?}");
    // Nothing can be left out of the only turn.
    let only = ask(&mut session, &messages[2..], 10_000);
    assert!(session.cached() <= CONTEXT && only.finish != Finish::Interrupted);
    let long = [Message::user("a".repeat(CONTEXT))];
    let error = session.answer(&long, &mut sampler, &mut rng(), 5, |_| true).unwrap_err();
    assert!(error.to_string().contains("the context of the model has 160"), "{error}");
}

#[test]
fn an_interruption_keeps_what_was_written() {
    let model = model(4);
    let mut session = Session::new(&model).unwrap();
    let messages = [Message::user("one")];
    let mut written = String::new();
    let mut sampler = Sampler::new(1.0, None, None).unwrap();
    let answer = session.answer(&messages, &mut sampler, &mut rng(), 50, |event| {
        if let Event::Text(text) = event {
            written.push_str(text);
        }
        written.len() < 5
    });
    let answer = answer.unwrap();
    assert_eq!((answer.finish, &answer.text), (Finish::Interrupted, &written));
    assert!(answer.completion_tokens < 50);
    assert_eq!(session.cached(), answer.prompt_tokens + answer.completion_tokens);
    // Before anything is read.
    let nothing = session.answer(&messages, &mut sampler, &mut rng(), 5, |_| false).unwrap();
    assert_eq!((nothing.finish, nothing.completion_tokens), (Finish::Interrupted, 0));
}

/// Special tokens are no text, and an answer of them alone can be stopped all the same.
#[test]
fn an_answer_without_text_can_be_stopped_at_every_token() {
    let mut model = model(1);
    let start = model.tokenizer.encode_with_special("<|im_start|>").unwrap()[0];
    let config = GptConfig { bias: true, ..model.gpt.config().clone() };
    let n_embd = config.n_embd;
    model.gpt = Gpt::new(config).unwrap();
    let mut params = Params::zeros(model.gpt.layout());
    // The result of the last layer norm is its bias: the logits of all other tokens are 0.
    for tensor in model.gpt.layout().tensors() {
        let values = &mut params.values[tensor.range()];
        match tensor.name.as_str() {
            "ln_f.bias" => values.fill(1.0),
            "wte.weight" => values[n_embd * start as usize..][..n_embd].fill(1.0),
            _ => {}
        }
    }
    model.weights = ModelWeights::Full(params);
    let mut session = Session::new(&model).unwrap();
    let messages = [Message::user("one")];
    let mut tokens = 0;
    let answer = session.answer(&messages, &mut Sampler::greedy(), &mut rng(), 50, |event| {
        tokens += usize::from(event == Event::Silent);
        tokens < 3
    });
    let answer = answer.unwrap();
    assert_eq!((answer.finish, &*answer.text), (Finish::Interrupted, ""));
    assert_eq!((answer.completion_tokens, tokens), (3, 3));
}

#[test]
fn a_context_too_short_for_any_answer_is_refused() {
    let mut model = model(1);
    let least = {
        let session = Session::new(&model).unwrap();
        session.prompter().encode(&[Message::user("a")]).unwrap().len() + 1
    };
    model.gpt.shorten_context(least).unwrap();
    let mut session = Session::new(&model).unwrap();
    assert_eq!(ask(&mut session, &[Message::user("a")], 9).completion_tokens, 1);
    drop(session);
    for short in [least - 1, 1] {
        model.gpt.shorten_context(short).unwrap();
        let error = Session::new(&model).err().unwrap().to_string();
        assert!(
            error.starts_with(&format!("--context = {short}: the shortest message")),
            "{error}"
        );
        assert!(error.contains(&format!("choose at least {least}, or")), "{error}");
    }
}

#[test]
fn a_model_without_a_template_is_refused() {
    let mut model = model(1);
    model.text_settings.chat_template = None;
    let error = Session::new(&model).err().unwrap().to_string();
    assert!(error.contains("never taught to chat"), "{error}");
}
