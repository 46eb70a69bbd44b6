//! Questions in the form of HellaSwag's files: JSON lines with a context and its endings.
//!
//! HellaSwag (Zellers and others 2019) asks how a scene goes on: one ending is real, three were
//! written by a model and chosen to fool other models. People find the real one in 95 of 100. A
//! line is an object; these of its entries are read:
//!
//! | entry | |
//! |---|---|
//! | `ctx_a`, `ctx_b` | the context in two parts: whole sentences, and the beginning of the next |
//! | `ctx` | the whole context, where one of these is missing |
//! | `activity_label` | a title; may be missing |
//! | `endings` | a list of texts |
//! | `label` | the index of the right one, as a number or as a text |
//!
//! The texts are changed as the task `hellaswag` of EleutherAI's evaluation harness does it
//! (`lm_eval/tasks/hellaswag/utils.py`), so that accuracies can be compared with published ones:
//!
//! ```text
//! context  = tidy(activity_label + ": " + ctx_a + " " + capitalise(ctx_b))
//! ending   = tidy(ending)
//! tidy     : white space at both ends is removed; " [title]" becomes ". "; what stands in brackets
//!            is removed; two spaces become one
//! ```
//!
//! An ending follows its context after a space. The tokens of the ending are those that follow the
//! tokens of the context in context + " " + ending, and white space at the end of the context is
//! taken for a part of the ending: a token often begins with the space before a word.
//!
//! A file is read line by line, so its length does not matter for memory.

mod texts;

use std::path::Path;

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

pub use self::texts::Texts;
use super::multiple_choice::{Ending, Question};
pub use crate::files::json_lines::{Line, Lines};

/// The question of a line, in tokens.
///
/// path: the file, for messages.
///
/// # Errors
/// [`Error::Format`] with the number of the line: when it is no object of the form above, has no
/// label, or a label that is no index of an ending; when a text is empty, or has a character that
/// the tokenizer does not know.
pub fn question(line: &Line, tokenizer: &Tokenizer, path: &Path) -> Result<Question> {
    let problem = |text: String, remedy: &str| {
        Error::format(path, format!("line {}: {text}", line.number), remedy)
    };
    let Texts { context, endings, label } = Texts::read(&line.bytes)
        .map_err(|(text, expected)| problem(text, &format!("expected {expected}")))?;
    let encode = |what: &str, text: &str| {
        let unknown = |e: Error| problem(format!("{what}: {e}"), "choose texts that it knows");
        tokenizer.encode_with_special(text).map_err(unknown)
    };
    // White space at the end of the context goes to the ending.
    let trimmed = context.trim_end_matches(is_space);
    let context_tokens = encode("the context", trimmed)?;
    let mut tokens = Vec::new();
    for (i, ending) in endings.iter().enumerate() {
        let all = encode(&format!("ending {i}"), &format!("{context} {ending}"))?;
        let rest = all.get(context_tokens.len()..).unwrap_or_default();
        if rest.is_empty() {
            let text = format!("ending {i} has no tokens of its own behind the context");
            return Err(problem(text, "expected a longer ending"));
        }
        let (characters, bytes) = (ending.chars().count(), ending.len());
        tokens.push(Ending { tokens: rest.to_vec(), characters, bytes });
    }
    // What the tokenizer puts before every text; a context may spell it, and has it once.
    let before = &tokenizer.template().before;
    let context = match context_tokens.starts_with(before) {
        true => context_tokens,
        false => [&before[..], &context_tokens].concat(),
    };
    if context.is_empty() {
        return Err(problem("the context is empty".into(), "expected a text in \"ctx\""));
    }
    Ok(Question { context, endings: tokens, label })
}

/// White space as Python's `str.strip` knows it: Unicode's, and four separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer};

    #[test]
    fn an_ending_has_the_space_before_it() {
        let text = "the cat sat on the mat, the cat ran";
        let bpe = Tokenizer::Bpe(BpeTokenizer::train(&text.repeat(9), 290).unwrap());
        let character = Tokenizer::Char(CharTokenizer::train(text).unwrap());
        for tokenizer in [bpe, character] {
            let bytes =
                r#"{"ctx": "the cat [x]", "endings": ["sat on", "ran"], "label": "1"}"#.into();
            let line = Line { number: 1, bytes };
            let question = question(&line, &tokenizer, Path::new("x")).unwrap();
            assert_eq!(tokenizer.decode(&question.context).unwrap(), "the cat");
            let ending = |i: usize| tokenizer.decode(&question.endings[i].tokens).unwrap();
            // The context ends with a space where the bracket was: it goes to the ending.
            assert_eq!((ending(0).as_str(), ending(1).as_str()), ("  sat on", "  ran"));
            assert_eq!((question.endings[0].characters, question.endings[0].bytes), (6, 6));
            assert_eq!(question.label, 1);
        }
    }
}
