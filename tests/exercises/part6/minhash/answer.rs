//! Near-duplicates: shingles and MinHash.
//!
//! The shingles of a text are all runs of three words, in lower case:
//!
//!   "What is a token here"    "what is a", "is a token", "a token here"
//!
//! How alike two sets of shingles are is their Jaccard similarity:
//!
//!   similarity = (shingles in both) / (shingles in at least one)
//!
//! The signature of a set has k numbers. Number i is the smallest hash of its shingles, by hash
//! function i. The part of the k places at which two signatures agree estimates the similarity.
//!
//! On paper: {a, b, c} and {b, c, d} have 2 in both and 4 in at least one, so 1/2. The signatures
//! (3, 7, 5, 1) and (3, 2, 5, 4) agree at 2 of 4 places.

use std::collections::BTreeSet;

/// Hash function `number`: a number that looks random, and is always the same for the same text.
pub fn hash(number: u32, text: &str) -> u32 {
    let mut h = number.wrapping_mul(0x9e37_79b9) ^ 0x811c_9dc5;
    for byte in text.bytes() {
        h = (h ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    for shift in [16, 13] {
        h = (h ^ (h >> shift)).wrapping_mul(0x85eb_ca6b);
    }
    h ^ (h >> 16)
}

/// The shingles of a text. A text of fewer than three words has none.
///
/// Useful: `text.to_lowercase()`, `split_whitespace()`, `windows(3)` of a list, `join(" ")`.
pub fn shingles(text: &str) -> BTreeSet<String> {
    // SOLUTION
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(3).map(|run| run.join(" ")).collect()
    // STUB
    // todo!()
    // END
}

/// The Jaccard similarity of two sets; 0 where both are empty.
pub fn jaccard(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    // SOLUTION
    let both = a.intersection(b).count();
    let any = a.union(b).count();
    if any == 0 { 0.0 } else { both as f64 / any as f64 }
    // STUB
    // todo!()
    // END
}

/// The signature of a set: for each of the hash functions 0 to k - 1, the smallest hash of its
/// shingles. `u32::MAX` for a set without shingles.
pub fn signature(set: &BTreeSet<String>, k: u32) -> Vec<u32> {
    // SOLUTION
    (0..k).map(|i| set.iter().map(|s| hash(i, s)).min().unwrap_or(u32::MAX)).collect()
    // STUB
    // todo!()
    // END
}

/// The part of the places at which two signatures of equal length agree.
pub fn agreement(a: &[u32], b: &[u32]) -> f64 {
    // SOLUTION
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal as f64 / a.len() as f64
    // STUB
    // todo!()
    // END
}
