//! The bytes of a GGUF file, on paper. Replace each `todo!()` by a whole number.
//!
//! In the file of SmolLM2-135M-Instruct, most matrices are Q4_1: a block of 32 weights has a scale and a
//! minimum of two bytes each, and 4 bits for each weight. The token embedding is Q8_0: a block of 32
//! weights has a scale of two bytes, and 8 bits for each weight. Norms are F32.

/// How many bytes has a block of Q4_1?
pub fn bytes_of_a_block() -> usize {
    // SOLUTION
    2 + 2 + 32 * 4 / 8
    // STUB
    // todo!()
    // END
}

/// How many bytes has a matrix `blk.0.ffn_gate.weight` of 2,048 rows of 768 weights in Q4_1?
pub fn bytes_of_a_gate() -> usize {
    // SOLUTION
    2048 * 768 / 32 * 20
    // STUB
    // todo!()
    // END
}

/// How many bytes has a token embedding of 32,000 rows of 768 weights in Q8_0?
pub fn bytes_of_the_embedding() -> usize {
    // SOLUTION
    32_000 * 768 / 32 * 34
    // STUB
    // todo!()
    // END
}

/// A file of another model has a tensor of 4,096 rows of 4,096 weights in 9,437,184 bytes. How many
/// bits has it per weight? Write down ten times as many. (Two types of the chapter's table have so many.)
pub fn ten_times_the_bits() -> usize {
    // SOLUTION
    9_437_184 * 8 * 10 / (4096 * 4096)
    // STUB
    // todo!()
    // END
}
