//! From documents to shards, on paper. Replace each `todo!()` by a whole number.
//!
//! One file of text holds five documents with `<|endoftext|>` between them: genesis, exodus,
//! ruth, job, acts. The vocabulary is the 256 bytes and the end-of-text token. All five are for
//! training. Each token has two bytes on the disk.

/// How many tokens does `prepare` make of them?
pub fn tokens() -> usize {
    // SOLUTION
    7 + 6 + 4 + 3 + 4 + 5
    // STUB
    // todo!()
    // END
}

/// How many bytes have the shards together?
pub fn bytes() -> usize {
    // SOLUTION
    2 * 29
    // STUB
    // todo!()
    // END
}

/// A model reads windows of 7 tokens; the targets of a window are one token later. Windows do
/// not overlap. How many are there?
pub fn windows() -> usize {
    // SOLUTION
    (29 - 1) / 7
    // STUB
    // todo!()
    // END
}

/// OpenWebText has 39.8 billion bytes of text. Another tokenizer has 5 bytes per token, and a
/// vocabulary of 100,000 tokens, so that a token needs 4 bytes on the disk. How many billion
/// bytes are its shards, to one decimal?
pub fn other_tokenizer() -> f64 {
    // SOLUTION
    31.8 // 39.8 / 5 · 4 = 31.84
    // STUB
    // todo!()
    // END
}
