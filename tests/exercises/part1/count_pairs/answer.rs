//! One round of training a byte-pair tokenizer: count the pairs, and choose one.
//!
//! A pre-token is a list of tokens. A pair is two neighbours in the same pre-token; it never
//! reaches from one pre-token into the next. On paper, with letters for tokens:
//!
//!   l·o·w   ␣·l·o·w   ␣·l·o·w   ␣·l·o·w·e·r   ␣·l·o·w·e·s·t
//!
//!   l·o 5    o·w 5    ␣·l 4    w·e 2    e·r 1    e·s 1    s·t 1
//!
//! The most frequent pair is chosen. Of equal counts the pair with the smaller first token
//! wins, and of equal first tokens the one with the smaller second. So tuples are compared in
//! Rust, too: (97, 98) < (98, 1). A pair that occurs only once is never chosen.

use std::collections::HashMap;

/// How often each pair of neighbours occurs, in all pre-tokens together.
pub fn count_pairs(pre_tokens: &[Vec<u32>]) -> HashMap<(u32, u32), usize> {
    // SOLUTION
    let mut counts = HashMap::new();
    for tokens in pre_tokens {
        for pair in tokens.windows(2) {
            *counts.entry((pair[0], pair[1])).or_insert(0) += 1;
        }
    }
    counts
    // STUB
    // todo!()
    // END
}

/// The pair to be merged. `None` where no pair occurs twice.
pub fn most_frequent(counts: &HashMap<(u32, u32), usize>) -> Option<(u32, u32)> {
    // SOLUTION
    let mut best: Option<(u32, u32)> = None;
    let mut most = 1;
    for (&pair, &count) in counts {
        if count > most || (count == most && best.is_some_and(|best| pair < best)) {
            best = Some(pair);
            most = count;
        }
    }
    best
    // STUB
    // todo!()
    // END
}
