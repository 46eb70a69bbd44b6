//! Training: learning which pairs to merge.
//!
//! Byte-pair encoding (Gage 1994; for words Sennrich et al. 2016) is one rule, repeated: find the
//! most frequent pair of neighbouring tokens, and make it a new token. A trained tokenizer is the
//! list of these merges, in order.
//!
//! The plain version is in `plain.rs`; it counts all pairs again after every merge. This one is
//! fast for three reasons:
//!
//! 1. The text is cut into pre-tokens ([`split`]) and equal ones are stored once, with their count:
//!    the King James text has a million pre-tokens, some 14,000 distinct ones.
//! 2. Merging a pair changes only the counts of neighbouring pairs, in the pre-tokens that have it.
//!    So each pair has a list of its pre-tokens, and counts are updated, not computed again.
//! 3. The next pair comes from a heap. Counts there may be out of date; one that is too high is put
//!    back with its present count (lazy deletion).
//!
//! Ties are broken by the smaller pair of token numbers, so the result depends on the text
//! alone, and is the list that the trainer of Hugging Face's `tokenizers` makes from it
//! (byte-level, all 256 bytes in the initial alphabet, `min_frequency` 2).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::bytes::TOKEN_OF_BYTE;
use super::merge::{self, Merge};
use super::split;

/// The longest pre-token that is learned from as a whole, in bytes. Longer runs of letters are not
/// words: a line of a genome, an image in base64. They are learned from in parts, because each
/// merge goes through the whole pre-token: one of a gigabyte, 4,000 times.
const LONGEST: usize = 1024;

/// [`merge::MIN_COUNT`] as a signed number: updates make counts smaller, too.
const MIN_COUNT: i64 = merge::MIN_COUNT as i64;

/// Bytes per task when counting pre-tokens.
const CHUNK: usize = 1 << 18;

/// The merges learned from texts, at most until `vocab_size` tokens exist. Tokens 0 to 255
/// are the bytes, and each merge makes the next number.
///
/// No two merges spell the same token. Before a token is made, no merge crosses its ends (otherwise
/// it could not be made), so the merges between them are those of the same bytes alone: there is
/// one way to make each spelling.
// ANCHOR: learn
pub(super) fn learn(texts: &[&str], vocab_size: usize) -> Vec<Merge> {
    let mut words = Words::new(count_pre_tokens(texts));
    let mut pairs = Pairs::count(&words);
    let mut merges = Vec::new();
    for id in 256..vocab_size as u32 {
        let Some((left, right)) = pairs.most_frequent() else { break };
        let merge = Merge { left, right, id };
        pairs.merge(merge, &mut words);
        merges.push(merge);
    }
    merges
}
// ANCHOR_END: learn

/// The distinct pre-tokens of the texts, each with its count.
fn count_pre_tokens<'t>(texts: &[&'t str]) -> Vec<(&'t str, i64)> {
    let count = |chunk| {
        let mut counts: FxHashMap<&str, i64> = FxHashMap::default();
        for pre_token in split::pre_tokens(chunk).flat_map(parts) {
            *counts.entry(pre_token).or_default() += 1;
        }
        counts
    };
    let add = |mut a: FxHashMap<_, i64>, mut b: FxHashMap<_, i64>| {
        if a.len() < b.len() {
            std::mem::swap(&mut a, &mut b);
        }
        for (pre_token, n) in b {
            *a.entry(pre_token).or_default() += n;
        }
        a
    };
    let chunks = texts.par_iter().flat_map(|text| split::chunks(text, CHUNK));
    chunks.map(count).reduce(FxHashMap::default, add).into_iter().collect()
}

/// A pre-token in parts of at most [`LONGEST`] bytes, none of which ends inside a character.
fn parts(pre_token: &str) -> impl Iterator<Item = &str> {
    let mut rest = pre_token;
    std::iter::from_fn(move || {
        let most = LONGEST.min(rest.len());
        let end = (0..=most).rev().find(|&at| rest.is_char_boundary(at)).unwrap_or_default();
        let (part, after) = rest.split_at(end);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// The distinct pre-tokens as tokens, all in one list: pre-token `w` is
/// `tokens[starts[w]..][..lengths[w]]`, and shrinks in place.
struct Words {
    tokens: Vec<u32>,
    starts: Vec<usize>,
    lengths: Vec<usize>,
    counts: Vec<i64>,
}

impl Words {
    fn new(pre_tokens: Vec<(&str, i64)>) -> Words {
        let mut words = Words { tokens: vec![], starts: vec![], lengths: vec![], counts: vec![] };
        for (pre_token, count) in pre_tokens {
            words.starts.push(words.tokens.len());
            words.lengths.push(pre_token.len());
            words.counts.push(count);
            words.tokens.extend(pre_token.bytes().map(|byte| TOKEN_OF_BYTE[byte as usize]));
        }
        words
    }

    fn tokens(&self, word: usize) -> &[u32] {
        &self.tokens[self.starts[word]..][..self.lengths[word]]
    }
}

/// Two neighbouring tokens.
type Pair = (u32, u32);

/// How often each pair occurs, and where.
struct Pairs {
    stats: FxHashMap<Pair, Stat>,
    /// Candidates: the highest count first, then the smallest pair.
    heap: BinaryHeap<(i64, Reverse<Pair>)>,
}

#[derive(Default)]
struct Stat {
    count: i64,
    /// The pre-tokens that have the pair, or had it.
    words: Vec<u32>,
}

impl Pairs {
    fn count(words: &Words) -> Pairs {
        let mut pairs = Pairs { stats: FxHashMap::default(), heap: BinaryHeap::new() };
        for word in 0..words.counts.len() {
            for pair in words.tokens(word).windows(2) {
                pairs.change((pair[0], pair[1]), words.counts[word], word as u32);
            }
        }
        pairs.heap = pairs.stats.iter().map(|(&pair, stat)| (stat.count, Reverse(pair))).collect();
        pairs
    }

    // ANCHOR: most_frequent
    /// The pair to merge next, if any occurs often enough.
    fn most_frequent(&mut self) -> Option<Pair> {
        while let Some((count, Reverse(pair))) = self.heap.pop() {
            let now = self.stats.get(&pair).map_or(0, |stat| stat.count);
            if now == count && count >= MIN_COUNT {
                return Some(pair);
            }
            if now >= MIN_COUNT {
                self.heap.push((now, Reverse(pair)));
            }
        }
        None
    }
    // ANCHOR_END: most_frequent

    /// Adds `by` occurrences of a pair in a pre-token; `by` may be negative.
    fn change(&mut self, pair: Pair, by: i64, word: u32) {
        let stat = self.stats.entry(pair).or_default();
        stat.count += by;
        if by > 0 && stat.words.last() != Some(&word) {
            stat.words.push(word);
        }
    }

    // ANCHOR: merge
    /// Merges a pair in every pre-token that has it.
    fn merge(&mut self, merge: Merge, words: &mut Words) {
        let Merge { left, right, id } = merge;
        let places = self.stats.get_mut(&(left, right)).map(|stat| std::mem::take(&mut stat.words));
        let mut grown: Vec<Pair> = Vec::new();
        for word in places.unwrap_or_default() {
            let at = word as usize;
            let n = words.counts[at];
            let length = words.lengths[at];
            let tokens = &mut words.tokens[words.starts[at]..][..length];
            let (mut read, mut write) = (0, 0);
            while read < length {
                if tokens[read] == left && read + 1 < length && tokens[read + 1] == right {
                    self.change((left, right), -n, word);
                    if write > 0 {
                        let before = tokens[write - 1];
                        self.change((before, left), -n, word);
                        self.change((before, id), n, word);
                        grown.push((before, id));
                    }
                    if read + 2 < length {
                        let after = tokens[read + 2];
                        self.change((right, after), -n, word);
                        self.change((id, after), n, word);
                        grown.push((id, after));
                    }
                    tokens[write] = id;
                    read += 2;
                } else {
                    tokens[write] = tokens[read];
                    read += 1;
                }
                write += 1;
            }
            words.lengths[at] = write;
        }
        grown.sort_unstable();
        grown.dedup();
        for pair in grown {
            self.heap.push((self.stats[&pair].count, Reverse(pair)));
        }
    }
    // ANCHOR_END: merge
}

#[cfg(test)]
mod tests;
