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

/// What to do when the built-in conversations are longer than a row. They cannot be shortened.
const TOO_LONG: &str = "leave such questions out with --skip-bad, or give a larger --block-size; a \
                        model with a longer context comes from, for example, cargo run -p \
                        stage03_gpt -- --block-size 256";

/// The examples of JSON lines in memory, and how many were left out.
///
/// skip_bad: whether lines that this model cannot take are left out, such as those that are longer
/// than its rows.
///
/// # Errors
/// [`Error::Text`] for such a line, unless they are left out; and when none is left.
pub fn examples(
    name: &str,
    lines: &str,
    encoder: &Encoder,
    skip_bad: bool,
) -> Result<(Vec<Example>, usize)> {
    let (mut examples, mut skipped) = (vec![], 0);
    for (number, line) in (1..).zip(lines.lines()) {
        let place = || format!("{name}:{number}");
        let messages = conversation(line.as_bytes())
            .map_err(|(problem, remedy)| Error::text(place(), problem, remedy))?;
        match encoder.encode(&messages) {
            Ok(example) => examples.push(example),
            Err(Error::Text { .. }) if skip_bad => skipped += 1,
            Err(Error::Text { problem, .. }) => {
                return Err(Error::text(place(), problem, TOO_LONG));
            }
            Err(other) => return Err(other),
        }
    }
    if examples.is_empty() {
        return Err(Error::text(name, "none of them fits into a row", TOO_LONG));
    }
    Ok((examples, skipped))
}

#[cfg(test)]
mod tests {
    use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};

    use super::super::plain::PlainTemplate;
    use super::super::template::Template;
    use super::*;

    #[test]
    fn what_is_longer_than_a_row_is_refused_or_left_out() {
        let tokenizer = BpeTokenizer::train("low low low lower lowest", 260).unwrap();
        let tokenizer = Tokenizer::Bpe(tokenizer.with_end_of_text());
        let line = |answer: &str| format!("{{\"prompt\": \"a\", \"completion\": \"{answer}\"}}\n");
        let lines = [line("low"), line(&"x".repeat(60))].concat();
        let examples = |lines: &str, skip_bad| {
            let template = Template::Plain(PlainTemplate::of(&tokenizer, &[]).unwrap());
            let encoder = Encoder::new(template, &tokenizer, &[], 40).unwrap();
            examples("the questions", lines, &encoder, skip_bad)
        };
        let error = examples(&lines, false).unwrap_err().to_string();
        assert!(error.starts_with("the questions:2: ") && error.contains("--skip-bad"), "{error}");
        let (left, skipped) = examples(&lines, true).unwrap();
        assert_eq!((left.len(), skipped), (1, 1));
        assert!(examples(&line(&"x".repeat(60)), true).is_err());
    }
}
