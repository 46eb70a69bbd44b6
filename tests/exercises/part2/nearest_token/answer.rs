//! How nearly do two rows of the token table point in the same direction?
//!
//!   cosine(a, b) = (a . b) / (|a| |b|)        with the norm |a| = sqrt(a . a)
//!
//! It is 1 for the same direction, 0 for a right angle, -1 for opposite directions. The lengths
//! of the rows have no part in it.
//!
//! On paper: a = (3, 4) and b = (4, 3). The dot product is 24, both norms are 5, so the cosine
//! is 24 / 25 = 0.96.

use ndarray::Array2;

/// The cosine similarity of two rows of the same length, neither of them all zero.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    // SOLUTION
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
    // STUB
    // todo!()
    // END
}

/// The token, other than `token` itself, whose row is most similar to that of `token`. Of two
/// that are equally similar, the first.
///
/// wte: (vocabulary, C), at least two rows, none of them all zero.
pub fn nearest(wte: &Array2<f64>, token: usize) -> usize {
    // SOLUTION
    let row = |token: usize| wte.row(token).to_vec();
    let (mut best, mut highest) = (token, f64::NEG_INFINITY);
    for other in 0..wte.nrows() {
        let similarity = cosine(&row(token), &row(other));
        if other != token && similarity > highest {
            (best, highest) = (other, similarity);
        }
    }
    best
    // STUB
    // // `wte.row(3).to_vec()` is row 3 as a list.
    // todo!()
    // END
}
