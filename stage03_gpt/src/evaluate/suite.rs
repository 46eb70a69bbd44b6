//! The built-in questions: 100 about the subject of this course, in [HellaSwag's form](super::hellaswag).
//!
//! The wrong endings are misconceptions, written to sound right. `data/README.md` describes the file.
//!
//! ```
//! use stage03_gpt::evaluate::suite;
//!
//! let first = suite::texts().next().unwrap();
//! assert!(first.context.starts_with("A language model is given the beginning of a text."));
//! assert_eq!((suite::texts().count(), first.endings.len()), (100, 4));
//! ```

use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::tokenizer::Tokenizer;

use super::hellaswag::{Line, Texts, question};
use super::multiple_choice::Question;

/// The questions, in JSON lines.
pub const SUITE: &str = include_str!("../../data/suite.jsonl");

/// How messages name them.
pub const NAME: &str = "the built-in suite";

/// Their lines.
pub fn lines() -> impl Iterator<Item = Line> + Send {
    let line = |(i, line): (usize, &str)| Line { number: i + 1, bytes: line.into() };
    SUITE.lines().enumerate().map(line)
}

/// Their texts.
pub fn texts() -> impl Iterator<Item = Texts> {
    SUITE.lines().map(|line| Texts::read(line.as_bytes()).expect("a test reads every line"))
}

/// The questions in the tokens of a model.
///
/// # Errors
/// [`Error::Format`](stage01_bigram::Error::Format) for a character that the tokenizer does not know.
pub fn questions(tokenizer: &Tokenizer) -> Result<Vec<Question>> {
    lines().map(|line| question(&line, tokenizer, Path::new(NAME))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::tokenizer::BpeTokenizer;
    use std::collections::HashSet;

    #[test]
    fn every_question_has_four_endings_and_the_right_ones_stand_everywhere() {
        let mut right = [0; 4];
        let mut contexts = HashSet::new();
        for Texts { context, endings, label } in texts() {
            assert_eq!(endings.iter().collect::<HashSet<_>>().len(), 4, "{context}");
            assert!(contexts.insert(context));
            right[label] += 1;
        }
        assert_eq!(contexts.len(), 100);
        // Somebody who always takes the same place finds no more than by chance.
        assert!(right.iter().all(|n| (22..=28).contains(n)), "{right:?}");
    }

    #[test]
    fn any_vocabulary_of_bytes_can_read_them() {
        let tokenizer = Tokenizer::Bpe(BpeTokenizer::train("some text", 256).unwrap());
        let questions = questions(&tokenizer).unwrap();
        assert_eq!(questions.len(), 100);
        assert!(questions.iter().zip(texts()).all(|(q, t)| q.label == t.label));
    }
}
