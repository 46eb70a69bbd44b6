//! Count with a pencil. A GPT for single letters has
//!
//!   V = 65 characters, a context of T = 32, N_layer = 3 blocks with 4 heads each, C = 12,
//!
//! biases everywhere, and a tied embedding.
//!
//! Replace each `todo!()` by the number that you have worked out. The check builds the model
//! and counts.

/// How many numbers are in the token embedding and the position embedding together?
pub fn embeddings() -> usize {
    // SOLUTION
    1164
    // STUB
    // todo!()
    // END
}

/// How many numbers does one block learn, its two norms included?
pub fn block() -> usize {
    // SOLUTION
    1884
    // STUB
    // todo!()
    // END
}

/// How many numbers does the whole model learn?
pub fn together() -> usize {
    // SOLUTION
    6840
    // STUB
    // todo!()
    // END
}
