//! GPT-2's own vocabulary.
//!
//! The crate `tiktoken-rs` carries the tokens of GPT-2 in order, without the merges. They can be
//! computed: encode the bytes of each token with the merges before it, and the two tokens that
//! remain are the pair that it merges.

use super::BpeTokenizer;
use super::bytes::BYTE_OF_TOKEN;
use super::encode::Encoder;
use super::merge::Merge;
use super::rules::Rules;
use crate::tokenizer::added::{AddedToken, AddedTokens};
use crate::tokenizer::end_of_text::END_OF_TEXT;
use crate::{Error, Result};

/// The number of [`END_OF_TEXT`]; all tokens below are bytes and merges.
const END: u32 = 50_256;

impl BpeTokenizer {
    /// GPT-2's vocabulary, 50,257 tokens with [`END_OF_TEXT`] the last; from the crate
    /// `tiktoken-rs`, without a network.
    ///
    /// # Errors
    /// [`Error::Text`] if that crate's data has changed.
    pub fn gpt2() -> Result<BpeTokenizer> {
        let wrong = |problem: String| {
            Error::text("GPT-2's vocabulary", problem, "build with another version of tiktoken-rs")
        };
        let source = tiktoken_rs::r50k_base().map_err(|e| wrong(e.to_string()))?;
        let mut tokens: Vec<Vec<u8>> = BYTE_OF_TOKEN.iter().map(|&byte| vec![byte]).collect();
        let mut encoder = Encoder::of_bytes(&tokens, &AddedTokens::default());
        let mut merges = Vec::with_capacity(END as usize);
        for id in 256..END {
            let bytes = source.decode_bytes(&[id]).map_err(|e| wrong(e.to_string()))?;
            let mut halves = Vec::new();
            encoder.merge(&bytes, &mut halves);
            let [left, right] = halves[..] else {
                return Err(wrong(format!("token {id} is not a pair of earlier tokens")));
            };
            let merge = Merge { left, right, id };
            encoder.learn(merge);
            merges.push(merge);
            tokens.push(bytes);
        }
        tokens.push(END_OF_TEXT.as_bytes().to_vec());
        let added =
            AddedTokens::new(vec![AddedToken::special(END, END_OF_TEXT)], None).map_err(wrong)?;
        Ok(BpeTokenizer::new(&tokens, merges, added, Rules::default()))
    }
}
