//! Predict, on paper: what many heads cost.
//!
//! A layer has the embedding width C = 32 and 4 heads. It gets 2 windows of 64 tokens. `c_attn`
//! and `c_proj` have no bias.

/// How many attention weights does the layer make for the two windows, hidden ones included?
pub fn attention_weights() -> usize {
    // SOLUTION
    2 * 4 * 64 * 64
    // STUB
    // todo!()
    // END
}

/// How many numbers are its queries, keys and values, of all heads together?
pub fn queries_keys_values() -> usize {
    // SOLUTION
    2 * 64 * 3 * 32
    // STUB
    // todo!()
    // END
}

/// How many attention weights are there with 8 heads in place of 4?
pub fn with_twice_the_heads() -> usize {
    // SOLUTION
    2 * 8 * 64 * 64
    // STUB
    // todo!()
    // END
}

/// How many attention weights are there with 4 heads and 2 windows of 128 tokens?
pub fn with_twice_the_length() -> usize {
    // SOLUTION
    2 * 4 * 128 * 128
    // STUB
    // todo!()
    // END
}

/// How many parameters (numbers that are learned) has the layer with 8 heads?
pub fn parameters_with_twice_the_heads() -> usize {
    // SOLUTION
    4 * 32 * 32
    // STUB
    // todo!()
    // END
}
