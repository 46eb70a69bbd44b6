//! The built-in data: questions about this course, their answers, and preferences.
//! `data/course/README.md` describes the files. The suite of multiple-choice questions on the same
//! subjects is stage 3's, [`stage03_gpt::evaluate::suite`].

use stage01_bigram::{Error, Result};

use super::conversation::conversation;
use super::encode::Encoder;
use super::example::Example;

/// Conversations to learn from, in JSON lines of the form `messages`.
pub const INSTRUCTIONS: &str = include_str!("../../data/course/instructions.jsonl");

/// Conversations on the same subjects that ask other questions.
pub const HELD_OUT: &str = include_str!("../../data/course/instructions-heldout.jsonl");

/// Pairs of answers, in JSON lines of the form `prompt`, `chosen`, `rejected`.
pub const PREFERENCES: &str = include_str!("../../data/course/preferences.jsonl");

/// Pairs of answers to other questions.
pub const PREFERENCES_HELD_OUT: &str = include_str!("../../data/course/preferences-heldout.jsonl");

/// The examples of JSON lines in memory.
///
/// # Errors
/// [`Error::Text`] for a line that this model cannot take, such as one that is longer than its rows.
pub fn examples(name: &str, lines: &str, encoder: &Encoder) -> Result<Vec<Example>> {
    let example = |(number, line): (usize, &str)| {
        let place = || format!("{name}:{}", number + 1);
        let messages = conversation(line.as_bytes())
            .map_err(|(problem, remedy)| Error::text(place(), problem, remedy))?;
        encoder.encode(&messages).map_err(|error| match error {
            Error::Text { problem, remedy, .. } => Error::text(place(), problem, remedy),
            other => other,
        })
    };
    lines.lines().enumerate().map(example).collect()
}
