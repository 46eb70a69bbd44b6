//! The bigram model: count the pairs, then divide.
//!
//!   count(a, b) = how often token b came directly after token a
//!
//!   p(b | a) = (count(a, b) + k) / (count(a) + k V),      count(a) = sum over b of count(a, b)
//!
//! k is the k of add-k smoothing, and V the size of the vocabulary. On paper, in abracadabra
//! (the tokens a, b, c, d, r) the row of a is 0, 2, 1, 1, 0. With k = 0 it becomes 0, ½, ¼, ¼,
//! 0, with k = 1 it becomes 1/9, 3/9, 2/9, 2/9, 1/9.
//!
//! A row without any mark, with k = 0, would be 0 divided by 0. Then all tokens are equally
//! likely.
//!
//! `table[[a, b]]` is the entry in row a and column b, `table.row(a)` a row,
//! `Array2::zeros((v, v))` a table of zeros.

use ndarray::Array2;

/// The counts of all pairs of neighbours. Shape of the result: (V, V), row a, column b.
pub fn count(tokens: &[u32], vocab_size: usize) -> Array2<f64> {
    // SOLUTION
    let mut counts = Array2::zeros((vocab_size, vocab_size));
    for pair in tokens.windows(2) {
        counts[[pair[0] as usize, pair[1] as usize]] += 1.0;
    }
    counts
    // STUB
    // todo!()
    // END
}

/// p(b | a) in row a and column b. Each row adds up to 1. Shape of both: (V, V).
pub fn probabilities(counts: &Array2<f64>, k: f64) -> Array2<f64> {
    // SOLUTION
    let v = counts.nrows();
    Array2::from_shape_fn((v, v), |(a, b)| {
        let all = counts.row(a).sum() + k * v as f64;
        if all == 0.0 { 1.0 / v as f64 } else { (counts[[a, b]] + k) / all }
    })
    // STUB
    // todo!()
    // END
}
