//! The tokens of plain text: documents, in pieces of at most the block size.
//!
//! A text is one document, or several with the spelling of the end-of-text token after each, as
//! `prepare` reads them; each gets one end-of-text token. Every token is learned but the first of a
//! document, before which there is nothing. So that this holds at the cuts as well, a piece begins with
//! the last token of the piece before it:
//!
//! ```text
//! document   a b c d e f g          block_size 4
//! pieces     a b c d                learned: b c d
//!                  d e f g          learned: e f g
//! ```

use stage01_bigram::Result;
use stage01_bigram::tokenizer::Tokenizer;

use super::example::{Example, Origin, words_hash};
use crate::prepare::marker::documents;

/// Encodes plain text.
#[derive(Debug)]
pub struct TextEncoder<'t> {
    tokenizer: &'t Tokenizer,
    block_size: usize,
}

impl<'t> TextEncoder<'t> {
    /// An encoder. block_size: the most tokens of a piece, at least 2.
    pub fn new(tokenizer: &'t Tokenizer, block_size: usize) -> TextEncoder<'t> {
        assert!(block_size >= 2, "a piece of {block_size} tokens has nothing to learn");
        TextEncoder { tokenizer, block_size }
    }

    /// The examples of a text. Empty documents give none.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn encode(&self, text: &str) -> Result<Vec<Example>> {
        let marker = self.tokenizer.end_of_text_token().map(|(_, spelling)| spelling);
        let mut examples = Vec::new();
        for (document, _) in documents(text, marker).0 {
            if !document.trim().is_empty() {
                self.document(document, &mut examples)?;
            }
        }
        Ok(examples)
    }

    fn document(&self, document: &str, examples: &mut Vec<Example>) -> Result<()> {
        let mut tokens = self.tokenizer.template().before.clone();
        tokens.extend(self.tokenizer.encode_with_special(document)?);
        tokens.extend(self.tokenizer.end_of_text());
        let prompt = words_hash(document);
        // The last token of a piece is only a target, and an input of the next piece.
        for start in (0..tokens.len().saturating_sub(1)).step_by(self.block_size - 1) {
            let end = tokens.len().min(start + self.block_size);
            let tokens = tokens[start..end].to_vec();
            let answers = std::iter::once(1..tokens.len()).collect();
            let (question, origin) = (String::new(), Origin::Text);
            examples.push(Example { tokens, answers, prompt, question, origin });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer};

    proptest! {
        #[test]
        fn every_token_but_the_first_is_learned_once(text in "[ab ]{0,40}", block in 2usize..12) {
            let tokenizer = Tokenizer::Char(CharTokenizer::train("ab ").unwrap());
            let examples = TextEncoder::new(&tokenizer, block).encode(&text).unwrap();
            prop_assert!(examples.iter().all(|example| example.tokens.len() <= block));
            let learned = examples.iter().flat_map(|example| {
                example.answers.iter().flat_map(|answer| example.tokens[answer.clone()].to_vec())
            });
            let tokens = tokenizer.encode(&text).unwrap();
            let expected = if text.trim().is_empty() { &[][..] } else { &tokens[1..] };
            prop_assert_eq!(learned.collect::<Vec<_>>(), expected);
            let count: usize = examples.iter().map(Example::learned).sum();
            prop_assert_eq!(count, expected.len());
        }
    }

    #[test]
    fn documents_end_with_the_end_of_text_token() {
        let tokenizer = BpeTokenizer::train("low low low lower lowest", 260).unwrap();
        let tokenizer = Tokenizer::Bpe(tokenizer.with_end_of_text());
        let text = "low low<|endoftext|> \n<|endoftext|>low<|endoftext|>\n";
        let examples = TextEncoder::new(&tokenizer, 8).encode(text).unwrap();
        let texts = examples.iter().map(|example| tokenizer.decode(&example.tokens).unwrap());
        let expected = ["low low<|endoftext|>", "low<|endoftext|>"];
        assert_eq!(texts.collect::<Vec<_>>(), expected);
        assert_ne!(examples[0].prompt, examples[1].prompt);
    }
}
