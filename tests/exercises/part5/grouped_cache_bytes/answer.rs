//! The KV cache of a model with grouped queries, on paper. Replace each `todo!()` by a whole number.
//!
//! SmolLM2-135M has 30 blocks. Each has 9 query heads and 3 key/value heads of 64 columns, and the
//! embedding width is 576. A context has 8,192 tokens. Numbers have two bytes.

/// How many bytes does one token add to the cache?
pub fn bytes_of_a_token() -> usize {
    // SOLUTION
    2 * 30 * 3 * 64 * 2
    // STUB
    // todo!()
    // END
}

/// How many bytes has the cache of a full context?
pub fn bytes_of_a_text() -> usize {
    // SOLUTION
    2 * 30 * 3 * 64 * 2 * 8192
    // STUB
    // todo!()
    // END
}

/// The model has 134,515,008 weights, of two bytes each. A small computer has 2,000,000,000 bytes for
/// the weights and the caches. How many full contexts fit?
pub fn texts() -> usize {
    // SOLUTION
    (2_000_000_000 - 134_515_008 * 2) / (2 * 30 * 3 * 64 * 2 * 8192)
    // STUB
    // todo!()
    // END
}

/// How many would fit if every query head had keys and values of its own? Leave the weights as they
/// are.
pub fn texts_with_nine_kv_heads() -> usize {
    // SOLUTION
    (2_000_000_000 - 134_515_008 * 2) / (2 * 30 * 9 * 64 * 2 * 8192)
    // STUB
    // todo!()
    // END
}
