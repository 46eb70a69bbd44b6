//! The bytes of a quantised model, and what they mean for its speed. Work the numbers out on
//! paper, and replace each `todo!()` by yours.
//!
//! A model has 64,000,000 weights in matrices, of which 16,000,000 are its output layer. Its
//! norms are too few to count. A megabyte (MB) is a million bytes. A block of 32 weights has 34
//! bytes in Q8_0, 20 in Q4_1 and 18 in Q4_0.

/// How many MB has it with all matrices in Q8_0?
pub fn megabytes_in_q8_0() -> f64 {
    // SOLUTION
    64.0 * 34.0 / 32.0
    // STUB
    // todo!()
    // END
}

/// How many MB in Q4_0, with the output layer in Q8_0?
pub fn megabytes_in_q4_0() -> f64 {
    // SOLUTION
    48.0 * 18.0 / 32.0 + 16.0 * 34.0 / 32.0
    // STUB
    // todo!()
    // END
}

/// A machine fetches 22,000 MB per second. How many tokens per second can it write at most,
/// with the model of the last question?
pub fn tokens_per_second() -> f64 {
    // SOLUTION
    22_000.0 / 44.0
    // STUB
    // todo!()
    // END
}

/// A type of 4 bits has blocks of 16 weights, and each block a scale and a minimum in float16. How
/// many bits has a weight?
pub fn bits_of_short_blocks() -> f64 {
    // SOLUTION
    4.0 + 32.0 / 16.0
    // STUB
    // todo!()
    // END
}
