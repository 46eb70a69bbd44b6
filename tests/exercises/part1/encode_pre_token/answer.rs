//! Encoding: apply the merges to a pre-token that was never seen.
//!
//! Training has left a list of merges. Merge number r, counted from 0, has the rank r and made
//! the token 256 + r. To encode a pre-token, begin with its bytes and merge the pair of the
//! lowest rank, wherever it stands; then again, until no pair of the list is left.
//!
//! On paper: the merges l·o, lo·w, ␣·low, ␣low·e.
//!
//!   l·o·w·e·r     lo·w·e·r     low·e·r
//!   ␣·s·l·o·w     ␣·s·lo·w     ␣·s·low
//!
//! A thought that makes it short: a merge makes a new token, and only merges that were learned
//! later have that token in their pair. What follows for the order in which you may try them?
//!
//! `merge(tokens: &[u32], pair: (u32, u32), id: u32) -> Vec<u32>` of the exercise before is
//! there already. It replaces the pair by `id` wherever it stands.

use super::given::merge::merge;

/// The tokens of one pre-token. `bytes`: the tokens of its bytes; `merges`: in order of rank.
pub fn encode(bytes: &[u32], merges: &[(u32, u32)]) -> Vec<u32> {
    // SOLUTION
    let mut tokens = bytes.to_vec();
    for (rank, &pair) in merges.iter().enumerate() {
        tokens = merge(&tokens, pair, 256 + rank as u32);
    }
    tokens
    // STUB
    // todo!()
    // END
}
