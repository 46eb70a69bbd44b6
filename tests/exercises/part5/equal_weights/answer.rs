//! A part that saves weights must not be judged by that: what it saves goes into a wider
//! feed-forward layer. The model has 4 blocks, C = 128, 4 heads of 32 columns, windows of 64
//! tokens, and 512 hidden units. A hidden unit of GPT-2's layer has C weights that come in, and
//! C that go out. Nothing has a bias.
//!
//! Work the numbers out on paper, and replace each `todo!()` by yours.

/// Rotary positions need no table. Spread over the 4 blocks, for how many hidden units is that in
/// each block? The answer is the new number of hidden units.
pub fn units_without_a_table() -> usize {
    // SOLUTION
    520
    // STUB
    // todo!()
    // END
}

/// With 2 heads of keys and values in place of 4: the new number of hidden units.
pub fn units_with_half_the_keys() -> usize {
    // SOLUTION
    576
    // STUB
    // todo!()
    // END
}

/// With 1 head of keys and values, and a SwiGLU layer, whose hidden units have three vectors of C
/// weights each. It begins with 344 units, and 344 stays the number for 4 heads of keys and values.
pub fn gated_units_with_one_head_of_keys() -> usize {
    // SOLUTION
    408
    // STUB
    // todo!()
    // END
}
