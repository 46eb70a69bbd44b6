//! Operations for a token of training, on paper. Replace each `todo!()` by a number.
//!
//!   operations = 6 · P + 12 · N_layer · T · C
//!
//! P is the number of weights, here without those of the position embedding, which is only
//! looked up. A small GPT has 2 blocks, an embedding width of 100, a context of 50 tokens, and
//! 300,000 weights, of which 5,000 are the position embedding.

/// How many operations does a token cost, forward and backward?
pub fn operations() -> usize {
    // SOLUTION
    6 * (300_000 - 5_000) + 12 * 2 * 50 * 100
    // STUB
    // todo!()
    // END
}

/// How many of these belong to the forward pass? The backward pass costs twice as much.
pub fn forward() -> usize {
    // SOLUTION
    (6 * 295_000 + 12 * 2 * 50 * 100) / 3
    // STUB
    // todo!()
    // END
}

/// The machine does 94.5 billion operations per second in large matrix products. The training
/// reads 20,000 tokens per second. What is the MFU, in per cent?
pub fn utilisation() -> f64 {
    // SOLUTION
    1_890_000.0 * 20_000.0 / 94.5e9 * 100.0
    // STUB
    // todo!()
    // END
}
