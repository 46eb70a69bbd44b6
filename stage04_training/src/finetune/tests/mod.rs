//! Tests of the way from a file to a batch.

#![allow(clippy::single_range_in_vec_init, reason = "an example may have a single answer")]

#[cfg(feature = "chat")]
mod chat;
mod encoding;
mod held_out;
mod plain;
mod reading;
mod rows;
mod screen;

use std::path::Path;

use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::bpe::token_type;
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::hugging_face::TextSettings;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::message::Message;
use stage03_gpt::model::{Model, ModelWeights, SpecialTokens};

use super::{Encoder, Example, PlainTemplate, Template};

/// A byte-level tokenizer with these special tokens, which are its last.
fn tokenizer(special: &[&str]) -> Tokenizer {
    tokenizer_by("gpt-2", special)
}

/// One that cuts texts by these rules.
fn tokenizer_by(rules: &str, special: &[&str]) -> Tokenizer {
    let text = "the user asks and the assistant of the system answers the user\n\n ".repeat(9);
    let mut parts = BpeTokenizer::train(&text, 300).unwrap().parts().unwrap();
    parts.types.resize(parts.tokens.len(), token_type::NORMAL);
    parts.pre_tokenizer = rules.into();
    for spelling in special {
        parts.tokens.push(spelling.to_string());
        parts.types.push(token_type::CONTROL);
    }
    Tokenizer::Bpe(parts.tokenizer(Path::new("a test")).unwrap())
}

/// One with the end-of-text token alone.
fn with_end() -> Tokenizer {
    tokenizer(&["<|endoftext|>"])
}

/// An encoder by the plain template.
fn plain(tokenizer: &Tokenizer, block_size: usize) -> Encoder<'_> {
    let template = Template::Plain(PlainTemplate::of(tokenizer, &[]).unwrap());
    Encoder::new(template, tokenizer, &[], block_size).unwrap()
}

/// A model of a few weights.
fn model(tokenizer: Tokenizer, chat_template: Option<&str>) -> Model {
    let vocab_size = tokenizer.vocab_size();
    let sizes = GptConfig { vocab_size, block_size: 8, ..GptConfig::default() };
    let gpt = Gpt::new(GptConfig { n_layer: 1, n_head: 1, n_embd: 4, ..sizes }).unwrap();
    let weights = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    let weights = ModelWeights::Full(weights);
    let special = SpecialTokens::of(&tokenizer);
    let mut text_settings = TextSettings::default();
    text_settings.chat_template = chat_template.map(str::to_string);
    Model { gpt, weights, tokenizer, special, text_settings }
}

/// A conversation of these texts, of the user and the assistant in turn.
fn talk(said: &[&str]) -> Vec<Message> {
    let message = |(at, text): (usize, &&str)| match at % 2 {
        0 => Message::user(*text),
        _ => Message::assistant(*text),
    };
    said.iter().enumerate().map(message).collect()
}

/// The texts of what is learned.
fn learned(example: &Example, tokenizer: &Tokenizer) -> Vec<String> {
    let text = |answer: &std::ops::Range<usize>| tokenizer.decode(&example.tokens[answer.clone()]);
    example.answers.iter().map(|answer| text(answer).unwrap()).collect()
}
