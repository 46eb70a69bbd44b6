//! A line of JSON as `finetune` reads it, with the plain template: an accepted conversation ends with
//! an answer, and as an example it has targets that are tokens of its answers, the end token last.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
use stage03_gpt::message::Role;
use stage04_training::finetune::{
    Batches, Encoder, IGNORED, PlainTemplate, Template, conversation, show,
};

/// The most tokens of an example.
const BLOCK: usize = 256;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let bytes = BpeTokenizer::train("User: Assistant: ", 260).expect("bytes and some pairs");
    Tokenizer::Bpe(bytes.with_end_of_text())
});

fuzz_target!(|bytes: &[u8]| {
    let messages = match conversation(bytes) {
        Ok(messages) => messages,
        Err((problem, remedy)) => {
            fuzz::line(&problem);
            return fuzz::line(&remedy);
        }
    };
    let last = messages.last().expect("a conversation has messages");
    assert!(last.role == Role::Assistant && !last.content.trim().is_empty());

    let tokenizer = &*TOKENIZER;
    let template = PlainTemplate::of(tokenizer, &[]).expect("it has an end token");
    let encoder = Encoder::new(Template::Plain(template), tokenizer, &[], BLOCK).expect("as above");
    let example = match encoder.encode(&messages) {
        Ok(example) => example,
        Err(error) => return fuzz::refused(&error),
    };
    let end = tokenizer.end_of_text().expect("it was made with one");
    assert_eq!(example.tokens.last(), Some(&end));
    assert!(example.tokens.len() <= BLOCK);
    for line in show(&example, tokenizer).expect("its own tokens") {
        assert!(!line.contains(|c: char| c.is_control() && c != '\n'), "{line:?}");
    }
    let learned = example.learned();
    let batch = Batches::new(vec![example], BLOCK, 1, 0, end).expect("it fits").at(0);
    let targets = batch.targets.iter().filter(|&&target| target != IGNORED).count();
    assert!(targets == learned && targets > 0);
});
