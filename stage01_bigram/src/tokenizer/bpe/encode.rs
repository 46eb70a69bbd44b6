//! Encoding: merging the pairs of each pre-token in the order in which they were learned.
//!
//! The rule: of all neighbouring pairs that are merges, merge the one of the lowest rank (of equal
//! ones the leftmost), and repeat until none is left. The plain version is in `plain.rs`, and is
//! one loop; this one is fast for three reasons.
//!
//! 1. Most pre-tokens are common words. A small cache (`cache`) holds the tokens of recent
//!    pre-tokens, and a hash map has the pre-tokens that are one token; few must be merged.
//! 2. A pre-token is short: below [`SHORT`] bytes a linear search for the next pair is fastest.
//!    Above, that would take quadratic time; a heap of pairs takes n log n.
//! 3. Pre-tokens do not depend on each other, so a long text is cut where that is safe
//!    ([`split::chunks`]) and encoded on all threads.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::cache::{Cache, Caches, Key};
use super::merge::Merge;
use super::pre_tokenizer::PreTokenizer;
use super::rules::Rules;
use super::split;
use crate::tokenizer::added::{AddedTokens, Part};
use crate::{Error, Result};

/// The longest pre-token, in bytes, whose pairs are searched linearly.
const SHORT: usize = 64;

/// Text per task when encoding with several threads.
const CHUNK: usize = 1 << 18;

/// Stands for no merge, no neighbour, no token.
const NONE: u32 = u32::MAX;

/// The lookup tables for encoding.
#[derive(Clone)]
pub(super) struct Encoder {
    /// Where the text is cut.
    pre_tokenizer: PreTokenizer,
    /// The token of each byte; [`NONE`] where there is none.
    byte_ids: Box<[u32; 256]>,
    /// The rank of the merge of a pair of tokens; see [`pair`].
    ranks: FxHashMap<u64, u32>,
    /// The token that each merge makes.
    merged: Vec<u32>,
    /// Pre-tokens that are one token.
    whole: FxHashMap<Box<[u8]>, u32>,
    caches: Caches,
}

impl Encoder {
    pub(super) fn new(
        tokens: &[Vec<u8>],
        merges: &[Merge],
        added: &AddedTokens,
        rules: &Rules,
    ) -> Encoder {
        let mut encoder = Encoder::of_bytes(tokens, added);
        encoder.pre_tokenizer = rules.pre_tokenizer;
        for &merge in merges {
            encoder.learn(merge);
        }
        // The bytes of a token need not be encoded as that token: another merge may come first.
        // Only those that are may be looked up, unless the vocabulary says that all may.
        let whole = |(id, token): (usize, &Vec<u8>)| {
            let id = id as u32;
            let is_whole =
                added.get(id).is_none() && (rules.ignore_merges || encoder.merges_to(token, id));
            is_whole.then(|| (token[..].into(), id))
        };
        encoder.whole = tokens.par_iter().enumerate().filter_map(whole).collect();
        encoder
    }

    /// An encoder without merges: every byte is a token.
    pub(super) fn of_bytes(tokens: &[Vec<u8>], added: &AddedTokens) -> Encoder {
        let mut byte_ids = Box::new([NONE; 256]);
        for (id, token) in (0..).zip(tokens) {
            if let [byte] = token[..]
                && added.get(id).is_none()
            {
                byte_ids[byte as usize] = id;
            }
        }
        Encoder {
            pre_tokenizer: PreTokenizer::default(),
            byte_ids,
            ranks: FxHashMap::default(),
            merged: Vec::new(),
            whole: FxHashMap::default(),
            caches: Caches::default(),
        }
    }

    /// Whether the pairs of a token's bytes are merged to that token.
    pub(super) fn merges_to(&self, token: &[u8], id: u32) -> bool {
        let mut encoded = Vec::new();
        self.merge(token, &mut encoded);
        encoded == [id]
    }

    /// Adds a merge of the next rank. Of two for one pair the first counts.
    pub(super) fn learn(&mut self, merge: Merge) {
        let rank = self.merged.len() as u32;
        self.ranks.entry(pair(merge.left, merge.right)).or_insert(rank);
        self.merged.push(merge.id);
    }

    /// The tokens of a text, on all threads where it is long.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encode = |chunk: &str| {
            let mut cache = self.caches.take();
            let ids = self.encode_chunk(chunk, &mut cache);
            self.caches.give_back(cache);
            ids
        };
        match &self.pre_tokenizer.chunks(text, CHUNK)[..] {
            [chunk] => encode(chunk),
            chunks => {
                let parts: Result<Vec<Vec<u32>>> = chunks.par_iter().map(|c| encode(c)).collect();
                Ok(parts?.concat())
            }
        }
    }

    /// The tokens of a text that was cut at its added tokens. Short parts are grouped, so that many
    /// of them, too, are encoded on all threads.
    pub(super) fn encode_parts(&self, parts: &[Part<'_>]) -> Result<Vec<u32>> {
        let length = |part: &Part<'_>| match part {
            Part::Text(text) => text.len(),
            Part::Token(..) => 1,
        };
        let mut groups = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (at, part) in parts.iter().enumerate() {
            bytes += length(part);
            if bytes >= CHUNK {
                groups.push(&parts[start..=at]);
                (start, bytes) = (at + 1, 0);
            }
        }
        groups.push(&parts[start..]);
        let encode = |group: &&[Part<'_>]| {
            let mut ids = Vec::new();
            for part in *group {
                match part {
                    Part::Text(text) => ids.extend(self.encode(text)?),
                    Part::Token(id, _) => ids.push(*id),
                }
            }
            Ok(ids)
        };
        match &groups[..] {
            [group] => encode(group),
            groups => {
                let parts: Result<Vec<Vec<u32>>> = groups.par_iter().map(encode).collect();
                Ok(parts?.concat())
            }
        }
    }

    fn encode_chunk(&self, text: &str, cache: &mut Cache) -> Result<Vec<u32>> {
        match self.pre_tokenizer {
            PreTokenizer::Gpt2 => self.encode_cut(text, cache, split::pre_token_end),
            other => self.encode_cut(text, cache, |text, at| other.pre_token_end(text, at)),
        }
    }

    /// Encodes a chunk; `pre_token_end` says where it is cut.
    #[inline]
    fn encode_cut(
        &self,
        text: &str,
        cache: &mut Cache,
        pre_token_end: impl Fn(&str, usize) -> usize,
    ) -> Result<Vec<u32>> {
        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut start = 0;
        while start < text.len() {
            let end = pre_token_end(text, start);
            let pre_token = &text.as_bytes()[start..end];
            match Key::of(text.as_bytes(), start, end) {
                Some(key) => {
                    cache.encode(key, &mut ids, |ids| self.encode_pre_token(pre_token, ids))
                }
                None if pre_token.len() < NONE as usize => {
                    self.encode_pre_token(pre_token, &mut ids)
                }
                None => return Err(endless_pre_token()),
            }
            start = end;
        }
        Ok(ids)
    }

    fn encode_pre_token(&self, pre_token: &[u8], ids: &mut Vec<u32>) {
        match self.whole.get(pre_token) {
            Some(&id) => ids.push(id),
            None => self.merge(pre_token, ids),
        }
    }

    /// The rule itself: merges the pairs of a pre-token. Appends the tokens that remain. A byte
    /// without a token is left out.
    pub(super) fn merge(&self, pre_token: &[u8], ids: &mut Vec<u32>) {
        let is_token = |byte: &u8| self.byte_ids[*byte as usize] != NONE;
        if !pre_token.iter().all(is_token) {
            let known: Vec<u8> = pre_token.iter().copied().filter(is_token).collect();
            return self.merge(&known, ids);
        }
        if pre_token.len() <= SHORT {
            self.merge_short(pre_token, ids)
        } else {
            self.merge_long(pre_token, ids)
        }
    }

    /// The rank of the merge of two tokens, or [`NONE`].
    fn rank(&self, left: u32, right: u32) -> u32 {
        self.ranks.get(&pair(left, right)).copied().unwrap_or(NONE)
    }

    // ANCHOR: merge_short
    /// Searches all pairs for the one to merge next: n steps of n comparisons.
    fn merge_short(&self, pre_token: &[u8], ids: &mut Vec<u32>) {
        let (mut tokens, mut ranks) = ([NONE; SHORT], [NONE; SHORT]);
        let mut n = pre_token.len();
        for (token, &byte) in tokens.iter_mut().zip(pre_token) {
            *token = self.byte_ids[byte as usize];
        }
        // ranks[i] belongs to the pair of tokens i and i + 1.
        for i in 1..n {
            ranks[i - 1] = self.rank(tokens[i - 1], tokens[i]);
        }
        while n > 1 {
            let mut first = 0;
            for i in 1..n - 1 {
                if ranks[i] < ranks[first] {
                    first = i;
                }
            }
            if ranks[first] == NONE {
                break;
            }
            tokens[first] = self.merged[ranks[first] as usize];
            tokens.copy_within(first + 2..n, first + 1);
            ranks.copy_within(first + 1..n, first);
            n -= 1;
            if first > 0 {
                ranks[first - 1] = self.rank(tokens[first - 1], tokens[first]);
            }
            if first + 1 < n {
                ranks[first] = self.rank(tokens[first], tokens[first + 1]);
            }
        }
        ids.extend_from_slice(&tokens[..n]);
    }
    // ANCHOR_END: merge_short

    /// Takes the pair to merge next from a heap; the tokens are a linked list.
    fn merge_long(&self, pre_token: &[u8], ids: &mut Vec<u32>) {
        let n = pre_token.len() as u32;
        let mut tokens: Vec<u32> = pre_token.iter().map(|&b| self.byte_ids[b as usize]).collect();
        // Neighbours by index. A token that was merged into the one before it is NONE.
        let mut next: Vec<u32> = (1..=n).collect();
        let mut before: Vec<u32> = (0..n).map(|i| i.wrapping_sub(1)).collect();
        let rank_at = |tokens: &[u32], next: &[u32], at: u32| match next[at as usize] {
            end if end == n => NONE,
            after => self.rank(tokens[at as usize], tokens[after as usize]),
        };
        // An entry is a rank and an index in one number: the lowest rank first, then the leftmost
        // index.
        let candidates = (0..n).map(|at| (rank_at(&tokens, &next, at), at));
        let mut heap: BinaryHeap<Reverse<u64>> = candidates
            .filter(|&(rank, _)| rank != NONE)
            .map(|(rank, at)| Reverse(pair(rank, at)))
            .collect();
        while let Some(Reverse(entry)) = heap.pop() {
            let (rank, at) = ((entry >> 32) as u32, entry as u32);
            // The pair of this entry may be gone.
            if tokens[at as usize] == NONE || rank_at(&tokens, &next, at) != rank {
                continue;
            }
            let merged_at = next[at as usize] as usize;
            tokens[at as usize] = self.merged[rank as usize];
            tokens[merged_at] = NONE;
            next[at as usize] = next[merged_at];
            if next[merged_at] != n {
                before[next[merged_at] as usize] = at;
            }
            for changed in [before[at as usize], at] {
                if changed != NONE {
                    let rank = rank_at(&tokens, &next, changed);
                    if rank != NONE {
                        heap.push(Reverse(pair(rank, changed)));
                    }
                }
            }
        }
        ids.extend(tokens.into_iter().filter(|&token| token != NONE));
    }
}

/// Two numbers as one, in their order.
fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

fn endless_pre_token() -> Error {
    Error::text(
        "the text",
        "it has a run of 4 GiB without a border between words",
        "check that the file is text",
    )
}

/// The tables follow from the merges, which are compared already.
impl PartialEq for Encoder {
    fn eq(&self, other: &Encoder) -> bool {
        self.byte_ids == other.byte_ids && self.merged == other.merged
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Encoder({} merges)", self.merged.len())
    }
}

#[cfg(test)]
mod tests;
