//! The pre-tokenization rules of today's models, by their names.
//!
//! Models of one family share a rule, so a few rules cover most of them. A `tokenizer.json` gives
//! the rule as a regular expression or by the parts it is made of; a GGUF file gives its name
//! (`tokenizer.ggml.pre`). Each rule is written by hand, in `split` and the files below it.
//!
//! What this file leaves out: the rules themselves, and the entries of `tokenizer.json`
//! (`json/pre_tokenizer.rs`).

use super::split::{self, Class, llama3, smollm};

/// A pre-tokenization rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreTokenizer {
    /// GPT-2's: words, numbers and other signs, each with the space before it.
    #[default]
    Gpt2,
    /// SmolLM's and StarCoder's: each digit by itself, and GPT-2's rule between them.
    SmolLm,
    /// Llama 3's: numbers of at most three digits; a word includes the sign before it; line ends
    /// are kept together.
    Llama3,
    /// Qwen2's: Llama 3's with single digits.
    Qwen2,
}

impl PreTokenizer {
    /// All rules.
    pub const ALL: [PreTokenizer; 4] =
        [PreTokenizer::Gpt2, PreTokenizer::SmolLm, PreTokenizer::Llama3, PreTokenizer::Qwen2];

    /// The name in GGUF files.
    ///
    /// ```
    /// use stage01_bigram::tokenizer::bpe::PreTokenizer;
    /// assert_eq!(PreTokenizer::Llama3.name(), "llama-bpe");
    /// assert_eq!(PreTokenizer::from_name("smollm"), Some(PreTokenizer::SmolLm));
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            PreTokenizer::Gpt2 => "gpt-2",
            PreTokenizer::SmolLm => "smollm",
            PreTokenizer::Llama3 => "llama-bpe",
            PreTokenizer::Qwen2 => "qwen2",
        }
    }

    /// The rule of this name.
    pub fn from_name(name: &str) -> Option<PreTokenizer> {
        PreTokenizer::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// The pre-tokens of a text, in order.
    ///
    /// ```
    /// use stage01_bigram::tokenizer::bpe::PreTokenizer;
    /// let cut = |rule: PreTokenizer| rule.pre_tokens("in 2024(now)").collect::<Vec<_>>();
    /// assert_eq!(cut(PreTokenizer::Gpt2), ["in", " 2024", "(", "now", ")"]);
    /// assert_eq!(cut(PreTokenizer::SmolLm), ["in", " ", "2", "0", "2", "4", "(", "now", ")"]);
    /// assert_eq!(cut(PreTokenizer::Llama3), ["in", " ", "202", "4", "(now", ")"]);
    /// assert_eq!(cut(PreTokenizer::Qwen2), ["in", " ", "2", "0", "2", "4", "(now", ")"]);
    /// ```
    pub fn pre_tokens(self, text: &str) -> impl Iterator<Item = &str> {
        let mut start = 0;
        std::iter::from_fn(move || {
            if start == text.len() {
                return None;
            }
            let end = self.pre_token_end(text, start);
            let pre_token = &text[start..end];
            start = end;
            Some(pre_token)
        })
    }

    /// The end of the pre-token that begins at `start`.
    #[inline]
    pub(super) fn pre_token_end(self, text: &str, start: usize) -> usize {
        match self {
            PreTokenizer::Gpt2 => split::pre_token_end(text, start),
            PreTokenizer::SmolLm => smollm::pre_token_end(text, start),
            PreTokenizer::Llama3 => llama3::pre_token_end(text, start, 3),
            PreTokenizer::Qwen2 => llama3::pre_token_end(text, start, 1),
        }
    }

    /// Cuts a text into chunks of about `size` bytes whose pre-tokens, in a row, are those of the
    /// whole text; see [`split::chunks`].
    pub(super) fn chunks(self, text: &str, size: usize) -> Vec<&str> {
        match self {
            PreTokenizer::Gpt2 | PreTokenizer::SmolLm => split::chunks(text, size),
            // Line ends after a sign belong to its pre-token.
            PreTokenizer::Llama3 | PreTokenizer::Qwen2 => {
                split::chunks_where(text, size, |before, class, c| match before {
                    Class::Other if matches!(c, '\r' | '\n') => false,
                    _ => split::is_border(before, class),
                })
            }
        }
    }
}
