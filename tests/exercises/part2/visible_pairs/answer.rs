//! Predict, on paper: how many attention weights are not zero?
//!
//! Each question is about one head. Write the numbers as calculations: 3 * 4 / 2.

/// A text of 1,024 tokens with a causal mask. How many pairs of a query and a key that it sees?
pub fn causal() -> usize {
    // SOLUTION
    1024 * 1025 / 2
    // STUB
    // todo!()
    // END
}

/// The same 1,024 tokens, and each sees itself and at most the 63 before it. How many pairs?
/// (The first tokens see fewer.)
pub fn window_of_64() -> usize {
    // SOLUTION
    1024 * 64 - 64 * 63 / 2
    // STUB
    // todo!()
    // END
}

/// A model has written 1,000 tokens and kept their keys. Now 10 more tokens come at once, each
/// with a query and a key, and a causal mask. How many pairs do the 10 queries have?
pub fn ten_more() -> usize {
    // SOLUTION
    10 * 1000 + 10 * 11 / 2
    // STUB
    // todo!()
    // END
}

/// A translator reads 30 words and has written 20. How many pairs has its cross-attention?
pub fn cross() -> usize {
    // SOLUTION
    20 * 30
    // STUB
    // todo!()
    // END
}
