//! Find the bug: a text that comes back shorter.
//!
//! This is a merge in two steps. `places` finds where a pair stands in a pre-token. `merged`
//! puts the new token at these places and takes the second token of each pair out, from the
//! last place to the first, so that the places before it stay where they are.
//!
//! A tokenizer was trained with this file. Its merges look right. Texts that it encodes and
//! decodes come back to the letter, page after page of them. Then somebody writes "hmmm", and
//! reads "hmm". A line of six dashes comes back with five. The text must come back whole:
//! decoding undoes encoding.
//!
//! Nothing panics. Read the file, take 7·7·7 with the pair (7, 7), and follow it on paper. One
//! line is missing or wrong.

/// The places at which a pair is to be merged, from left to right.
pub fn places(tokens: &[u32], pair: (u32, u32)) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    while at + 1 < tokens.len() {
        if (tokens[at], tokens[at + 1]) == pair {
            places.push(at);
            at += 1;
        }
        at += 1;
    }
    places
}

/// The pre-token with `id` in place of the two tokens that begin at each of these places.
pub fn merged(tokens: &[u32], places: &[usize], id: u32) -> Vec<u32> {
    let mut merged = tokens.to_vec();
    for &at in places.iter().rev() {
        merged[at] = id;
        merged.remove(at + 1);
    }
    merged
}
