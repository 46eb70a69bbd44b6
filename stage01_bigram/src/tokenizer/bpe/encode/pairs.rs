//! Merging the pairs of one sequence of tokens, in the order of their ranks.
//!
//! Two ways with one result: a search, fastest for the few symbols of a word, and a heap, for
//! sequences of any length.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::{Merge, NONE};

/// The longest sequence whose pairs are searched linearly.
const SHORT: usize = 64;

/// The merges, to be looked up.
#[derive(Clone, Default)]
pub(super) struct Pairs {
    /// The rank of the merge of a pair of tokens; see [`pair`].
    ranks: FxHashMap<u64, u32>,
    /// The token that each merge makes.
    pub(super) merged: Vec<u32>,
}

impl Pairs {
    /// Adds a merge of the next rank. Of two for one pair the first counts.
    pub(super) fn learn(&mut self, merge: Merge) {
        let rank = self.merged.len() as u32;
        self.ranks.entry(pair(merge.left, merge.right)).or_insert(rank);
        self.merged.push(merge.id);
    }

    /// The rule itself: merges the pairs of a sequence. Appends the tokens that remain.
    pub(super) fn merge(&self, symbols: impl ExactSizeIterator<Item = u32>, ids: &mut Vec<u32>) {
        if symbols.len() <= SHORT {
            self.merge_short(symbols, ids)
        } else {
            self.merge_long(symbols.collect(), ids)
        }
    }

    /// The rank of the merge of two tokens, or [`NONE`].
    fn rank(&self, left: u32, right: u32) -> u32 {
        self.ranks.get(&pair(left, right)).copied().unwrap_or(NONE)
    }

    // ANCHOR: merge_short
    /// Searches all pairs for the one to merge next: n steps of n comparisons.
    ///
    /// symbols: at most [`SHORT`].
    pub(super) fn merge_short(
        &self,
        symbols: impl ExactSizeIterator<Item = u32>,
        ids: &mut Vec<u32>,
    ) {
        let (mut tokens, mut ranks) = ([NONE; SHORT], [NONE; SHORT]);
        let mut n = symbols.len();
        for (token, symbol) in tokens.iter_mut().zip(symbols) {
            *token = symbol;
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
    pub(super) fn merge_long(&self, mut tokens: Vec<u32>, ids: &mut Vec<u32>) {
        let n = tokens.len() as u32;
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
