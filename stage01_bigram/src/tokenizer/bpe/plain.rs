//! Byte-pair encoding as a textbook has it.
//!
//! Training counts all pairs of neighbouring tokens, merges the most frequent one wherever it
//! stands, and counts again. The place of a merge in the list is its **rank**; encoding applies
//! the lowest rank first. Decoding looks up each token's bytes in the **vocabulary**. No pair
//! crosses the border of two **pre-tokens**: roughly words, each with the space before it.
//!
//! ```
//! use stage01_bigram::tokenizer::bpe::plain::{decode, encode, train, vocabulary};
//!
//! // l·o and o·w occur five times each, and the smaller pair is merged. Then lo·w occurs five
//! // times, ␣·low four times, ␣low·e twice. All other pairs occur once: training stops.
//! let merges = train("low low low lower lowest", 1000);
//! let vocabulary = vocabulary(&merges);
//! assert_eq!(vocabulary[256..], ["lo", "low", " low", " lowe"].map(|token| token.as_bytes()));
//!
//! // l·o·w·e·r and ␣·s·l·o·w: rank 0 makes lo of l·o, then rank 1 makes low of lo·w.
//! let tokens = encode("lower slow", &merges); // low·e·r ␣·s·low
//! assert_eq!((tokens.len(), tokens[0], tokens[5]), (6, 257, 257));
//! assert_eq!(decode(&tokens, &vocabulary)?, b"lower slow");
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! Each round goes through the whole text, which is right and slow. `train.rs` and `encode.rs`
//! come to the same merges and tokens fast. Left out here: special tokens, files, and the limit
//! of the fast trainer for the length of a pre-token (1024 bytes).

use std::cmp::Reverse;
use std::collections::HashMap;

use super::bytes::{BYTE_OF_TOKEN, TOKEN_OF_BYTE};
use super::merge::{MIN_COUNT, Merge};
use super::split::pre_tokens;
use crate::{Error, Result};

/// Two neighbouring tokens.
pub type Pair = (u32, u32);

/// The pre-tokens of a text, each as the tokens of its bytes.
pub fn to_bytes(text: &str) -> Vec<Vec<u32>> {
    let token = |byte: u8| TOKEN_OF_BYTE[byte as usize];
    pre_tokens(text).map(|pre_token| pre_token.bytes().map(token).collect()).collect()
}

// ANCHOR: count_pairs
/// How often each pair of neighbouring tokens occurs in all pre-tokens together.
pub fn count_pairs(pre_tokens: &[Vec<u32>]) -> HashMap<Pair, usize> {
    let mut counts = HashMap::new();
    for tokens in pre_tokens {
        for pair in tokens.windows(2) {
            *counts.entry((pair[0], pair[1])).or_default() += 1;
        }
    }
    counts
}
// ANCHOR_END: count_pairs

// ANCHOR: most_frequent
/// The most frequent pair, of equal ones the smallest. `None` where no pair occurs twice.
pub fn most_frequent(counts: &HashMap<Pair, usize>) -> Option<Pair> {
    let (&pair, &count) = counts.iter().max_by_key(|&(&pair, &count)| (count, Reverse(pair)))?;
    (count >= MIN_COUNT).then_some(pair)
}
// ANCHOR_END: most_frequent

// ANCHOR: merge
/// Replaces a pair by its token wherever it stands in a pre-token, from left to right.
pub fn merge(tokens: &mut Vec<u32>, Merge { left, right, id }: Merge) {
    let mut at = 0;
    while at + 1 < tokens.len() {
        if (tokens[at], tokens[at + 1]) == (left, right) {
            tokens[at] = id;
            tokens.remove(at + 1);
        }
        at += 1;
    }
}
// ANCHOR_END: merge

// ANCHOR: train
/// Learns merges from a text until there are `vocab_size` tokens, or no pair occurs twice.
pub fn train(text: &str, vocab_size: u32) -> Vec<Merge> {
    let mut pre_tokens = to_bytes(text);
    let mut merges = Vec::new();
    for id in 256..vocab_size {
        let Some((left, right)) = most_frequent(&count_pairs(&pre_tokens)) else { break };
        let learned = Merge { left, right, id };
        for tokens in &mut pre_tokens {
            merge(tokens, learned);
        }
        merges.push(learned);
    }
    merges
}
// ANCHOR_END: train

// ANCHOR: encode
/// The tokens of a text: in each pre-token the merge of the lowest rank, until none is left.
pub fn encode(text: &str, merges: &[Merge]) -> Vec<u32> {
    let ranks: HashMap<Pair, usize> =
        merges.iter().enumerate().map(|(rank, m)| ((m.left, m.right), rank)).collect();
    let rank_of = |pair: &[u32]| ranks.get(&(pair[0], pair[1])).copied();
    let mut ids = Vec::new();
    for mut tokens in to_bytes(text) {
        while let Some(rank) = tokens.windows(2).filter_map(rank_of).min() {
            merge(&mut tokens, merges[rank]);
        }
        ids.extend(tokens);
    }
    ids
}
// ANCHOR_END: encode

/// The bytes of each token: the 256 single bytes, then what each merge of [`train`] makes.
pub fn vocabulary(merges: &[Merge]) -> Vec<Vec<u8>> {
    let mut vocabulary: Vec<Vec<u8>> = BYTE_OF_TOKEN.iter().map(|&byte| vec![byte]).collect();
    for &Merge { left, right, .. } in merges {
        vocabulary.push([&*vocabulary[left as usize], &*vocabulary[right as usize]].concat());
    }
    vocabulary
}

// ANCHOR: decode
/// The bytes that these tokens stand for.
///
/// # Errors
/// [`Error::UnknownToken`] for a number outside the vocabulary.
pub fn decode(ids: &[u32], vocabulary: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for &token in ids {
        let unknown = Error::UnknownToken { token, vocab_size: vocabulary.len() };
        bytes.extend(vocabulary.get(token as usize).ok_or(unknown)?);
    }
    Ok(bytes)
}
// ANCHOR_END: decode

#[cfg(test)]
mod tests;
