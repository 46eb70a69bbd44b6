//! Two other masks, which large models use.
//!
//! A mask is a table that is added to the scores: 0 where token i (the row) may see token j
//! (the column), and -infinity where not.
//!
//! SLIDING WINDOW: a token sees itself and those before it, but only the nearest `window` of
//! them, itself included. So the work grows with the length of the text, and not with its
//! square.
//!
//!   four tokens, window 2:     0  -inf  -inf  -inf
//!                              0     0  -inf  -inf
//!                           -inf     0     0  -inf
//!                           -inf  -inf     0     0
//!
//! PREFIX: the first `prefix` tokens are a question that is complete. They see each other, in
//! both directions. The tokens after them are being written: each sees the whole prefix, and
//! itself, and what came before it.
//!
//!   four tokens, prefix 2:     0     0  -inf  -inf
//!                              0     0  -inf  -inf
//!                              0     0     0  -inf
//!                              0     0     0     0

use ndarray::Array2;

/// The mask of a sliding window. window: at least 1. Returns (length, length).
pub fn sliding_window(length: usize, window: usize) -> Array2<f64> {
    // SOLUTION
    let mask = |sees: bool| if sees { 0.0 } else { f64::NEG_INFINITY };
    Array2::from_shape_fn((length, length), |(i, j)| mask(j <= i && i < j + window))
    // STUB
    // todo!()
    // END
}

/// The mask with a prefix of `prefix` tokens. Returns (length, length).
pub fn prefix_mask(length: usize, prefix: usize) -> Array2<f64> {
    // SOLUTION
    let mask = |sees: bool| if sees { 0.0 } else { f64::NEG_INFINITY };
    Array2::from_shape_fn((length, length), |(i, j)| mask(j <= i || j < prefix))
    // STUB
    // todo!()
    // END
}
