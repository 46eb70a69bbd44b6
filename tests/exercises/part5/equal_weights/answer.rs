//! A part that saves weights must not be judged by that: what it saves goes into a wider
//! feed-forward layer. The model has 8 blocks, C = 256, 8 heads of 32 columns, windows of 128
//! tokens, and 1,024 hidden units. A hidden unit of GPT-2's layer has C weights that come in, and
//! C that go out. Nothing has a bias.
//!
//! Work the numbers out on paper, and replace each `todo!()` by yours.

/// Rotary positions need no table. Spread over the 8 blocks, for how many hidden units is that in
/// each block? The answer is the new number of hidden units.
pub fn units_without_a_table() -> usize {
    // SOLUTION
    1032
    // STUB
    // todo!()
    // END
}

/// With 4 heads of keys and values in place of 8: the new number of hidden units.
pub fn units_with_half_the_keys() -> usize {
    // SOLUTION
    1152
    // STUB
    // todo!()
    // END
}

/// With 2 heads of keys and values, and a SwiGLU layer, whose hidden units have three vectors of C
/// weights each. It begins with 688 units, and 688 stays the number for 8 heads of keys and values.
pub fn gated_units_with_two_heads_of_keys() -> usize {
    // SOLUTION
    816
    // STUB
    // todo!()
    // END
}
