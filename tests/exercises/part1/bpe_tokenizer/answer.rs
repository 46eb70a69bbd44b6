//! A byte-pair tokenizer, from a specification alone.
//!
//! Write it with the book closed. It must give the same merges and the same token numbers as
//! stage01_bigram, and so as GPT-2's rule. You need nothing but `std`, and you may add
//! functions of your own. The text comes cut into pre-tokens; no pair ever reaches across their
//! borders.
//!
//! Bytes. A text is the bytes of its UTF-8: `str::bytes`. The tokens 0 to 255 are the bytes, in
//! this order: first, in rising order, the 188 bytes
//!     33 to 126,   161 to 172,   174 to 255
//! then, in rising order, the 68 others. So `!`, byte 33, is token 0, and the space is token
//! 220.
//!
//! Training. Begin with every pre-token as the tokens of its bytes. Then, again and again:
//! count all pairs of neighbours, also those that share a token, choose the most frequent one,
//! of equal counts the one with the smaller first token and then the smaller second; make a new
//! token of it, and replace the pair by that token in all pre-tokens, from left to right. The
//! first new token is 256, the next 257, and so on. Stop when the vocabulary, bytes included,
//! has `vocab_size` tokens, or when no pair occurs twice.
//!
//! Encoding. Each pre-token by itself: begin with its bytes, replace the pair of the lowest
//! rank wherever it stands, from left to right, and go on until no pair of the list is left.
//! The rank of a merge is its place in the list.
//!
//! Decoding. The bytes of all tokens in a row.
//!
//! On paper, with the pre-tokens `low`, ` low`, ` low`, ` lower`, ` lowest`: the merges are
//! l·o, lo·w, ␣·low, ␣low·e, and these are the tokens 256 to 259. `lower` and ` slow` become
//! low·e·r and ␣·s·low.
//!
//! Plan: the bytes first, then `decode`, then `train`, then `encode`. Each has a check of its
//! own. Counting all pairs again in every round is fast enough here.

// SOLUTION
use std::cmp::Reverse;
use std::collections::HashMap;
// STUB
// // Your functions may stand here, and `use` lines such as this one:
// // use std::collections::HashMap;
// END

/// The token of each byte: number b of the result is the token of byte b.
pub fn byte_tokens() -> Vec<u32> {
    // SOLUTION
    let visible = |byte: &usize| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let (visible, others): (Vec<usize>, Vec<usize>) = (0..256).partition(visible);
    let mut tokens = vec![0; 256];
    for (token, byte) in (0..).zip(visible.into_iter().chain(others)) {
        tokens[byte] = token;
    }
    tokens
    // STUB
    // todo!()
    // END
}

// SOLUTION
/// The tokens of the bytes of a pre-token.
fn to_tokens(pre_token: &str, byte_tokens: &[u32]) -> Vec<u32> {
    pre_token.bytes().map(|byte| byte_tokens[byte as usize]).collect()
}

/// Replaces a pair by its token, from left to right.
fn merge(tokens: &mut Vec<u32>, pair: (u32, u32), id: u32) {
    let mut at = 0;
    while at + 1 < tokens.len() {
        if (tokens[at], tokens[at + 1]) == pair {
            tokens[at] = id;
            tokens.remove(at + 1);
        }
        at += 1;
    }
}

/// The most frequent pair, of equal ones the smallest. `None` where no pair occurs twice.
fn most_frequent(words: &[Vec<u32>]) -> Option<(u32, u32)> {
    let mut counts = HashMap::new();
    for pair in words.iter().flat_map(|tokens| tokens.windows(2)) {
        *counts.entry((pair[0], pair[1])).or_insert(0) += 1;
    }
    let (pair, count) = counts.into_iter().max_by_key(|&(pair, count)| (count, Reverse(pair)))?;
    (count >= 2).then_some(pair)
}
// STUB
// END

/// Learns merges, in their order: number r made the token 256 + r. There are at most
/// vocab_size − 256. `vocab_size` is at least 256.
pub fn train(pre_tokens: &[&str], vocab_size: u32) -> Vec<(u32, u32)> {
    // SOLUTION
    let bytes = byte_tokens();
    let word = |text: &&str| to_tokens(text, &bytes);
    let mut words: Vec<Vec<u32>> = pre_tokens.iter().map(word).collect();
    let mut merges = Vec::new();
    for id in 256..vocab_size {
        let Some(pair) = most_frequent(&words) else { break };
        for tokens in &mut words {
            merge(tokens, pair, id);
        }
        merges.push(pair);
    }
    merges
    // STUB
    // todo!()
    // END
}

/// The tokens of a text that was cut into pre-tokens.
pub fn encode(pre_tokens: &[&str], merges: &[(u32, u32)]) -> Vec<u32> {
    // SOLUTION
    let bytes = byte_tokens();
    let mut ids = Vec::new();
    for word in pre_tokens {
        let mut tokens = to_tokens(word, &bytes);
        for (id, &pair) in (256..).zip(merges) {
            merge(&mut tokens, pair, id);
        }
        ids.extend(tokens);
    }
    ids
    // STUB
    // todo!()
    // END
}

/// The bytes that these tokens stand for.
pub fn decode(tokens: &[u32], merges: &[(u32, u32)]) -> Vec<u8> {
    // SOLUTION
    let mut vocabulary = vec![Vec::new(); 256];
    for (byte, token) in (0..=255).zip(byte_tokens()) {
        vocabulary[token as usize] = vec![byte];
    }
    for &(left, right) in merges {
        vocabulary.push([&*vocabulary[left as usize], &vocabulary[right as usize]].concat());
    }
    tokens.iter().flat_map(|&token| vocabulary[token as usize].clone()).collect()
    // STUB
    // todo!()
    // END
}
