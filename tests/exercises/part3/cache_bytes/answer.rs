//! The size of a KV cache, on paper. Replace each `todo!()` by a whole number.
//!
//! GPT-2 medium has 24 blocks, 16 heads and an embedding width of 1024, and its context has
//! 1024 tokens. Numbers have 32 bits.

/// How many bytes has its cache for one text, when the context is full?
pub fn bytes_of_a_text() -> usize {
    // SOLUTION
    2 * 24 * 1024 * 1024 * 4
    // STUB
    // todo!()
    // END
}

/// How many bytes does one more token add to the cache?
pub fn bytes_of_a_token() -> usize {
    // SOLUTION
    2 * 24 * 1024 * 4
    // STUB
    // todo!()
    // END
}

/// The model has 355 million weights. A server has 24,000,000,000 bytes of memory for the
/// weights and the caches. How many full texts can it keep at once?
pub fn texts() -> usize {
    // SOLUTION
    (24_000_000_000 - 355_000_000 * 4) / (2 * 24 * 1024 * 1024 * 4)
    // STUB
    // todo!()
    // END
}
