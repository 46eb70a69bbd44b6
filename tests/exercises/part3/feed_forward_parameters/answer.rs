//! Count with a pencil. A feed-forward layer has the matrices W1 of the shape (C, 4C) and W2 of
//! the shape (4C, C), and both have a bias.
//!
//! Replace each `todo!()` by the number that you have worked out. The check counts the weights
//! of a real layer.

/// How many numbers does the layer learn if C = 16?
pub fn numbers_of_a_small_layer() -> usize {
    // SOLUTION
    2128
    // STUB
    // todo!()
    // END
}

/// The same layer gets 10 tokens, a table of 10 rows. How many multiplications do its two
/// matrix products need in the forward pass? (Leave out gelu.)
pub fn multiplications_for_ten_tokens() -> usize {
    // SOLUTION
    20480
    // STUB
    // todo!()
    // END
}

/// And how many numbers does it learn if C = 768, as in GPT-2 small?
pub fn numbers_of_gpt2() -> usize {
    // SOLUTION
    4722432
    // STUB
    // todo!()
    // END
}
