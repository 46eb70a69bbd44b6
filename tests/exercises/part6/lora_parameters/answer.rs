//! How much an adapter trains, on paper. Replace each `todo!()` by a whole number.
//!
//! An adapter of rank r beside a matrix (inputs, outputs) has A, (inputs, r), and B, (r, outputs).

/// How many numbers are trained for a matrix of 768 × 768 with rank 4?
pub fn square_matrix() -> usize {
    // SOLUTION
    4 * (768 + 768)
    // STUB
    // todo!()
    // END
}

/// The smallest GPT-2 has 12 blocks with four matrices each: 768 × 2,304 (queries, keys and values
/// together), 768 × 768, 768 × 3,072 and 3,072 × 768. How many numbers are trained with rank 8 on
/// all of them?
pub fn gpt2() -> usize {
    // SOLUTION
    12 * 8 * ((768 + 2304) + (768 + 768) + (768 + 3072) + (3072 + 768))
    // STUB
    // todo!()
    // END
}

/// In one of its blocks, queries, keys and values get three adapters of rank 8, each beside its
/// own 768 × 768. How many numbers do the three have together?
pub fn three_adapters() -> usize {
    // SOLUTION
    3 * 8 * (768 + 768)
    // STUB
    // todo!()
    // END
}

/// A model has 100,000,000 weights of 4 bytes. Adapters with 1,000,000 numbers are trained, and all
/// else is frozen. How many bytes take the gradient and both moments of AdamW, in f32?
pub fn bytes_of_gradient_and_moments() -> usize {
    // SOLUTION
    3 * 4 * 1_000_000
    // STUB
    // todo!()
    // END
}
