//! A card on paper. Replace each `todo!()` by a number.
//!
//! A card has 100 TFLOP/s in bf16, and its memory delivers 1 TB per second. (1 TFLOP/s is 10^12
//! operations per second, 1 TB is 10^12 bytes.)

/// Two lists of 1 billion numbers in bf16, which lie in its memory, are added number by number,
/// and the sums are put back. How many milliseconds does that take at least?
pub fn adding_lists() -> f64 {
    // SOLUTION
    6.0 // 3 · 10^9 numbers of two bytes, at 10^12 bytes per second
    // STUB
    // todo!()
    // END
}

/// Rows times a matrix that is so large that only the matrix counts as moved, in bf16. From how
/// many rows on is the card busy?
pub fn rows() -> usize {
    // SOLUTION
    100 // 2 · rows operations for each weight of two bytes
    // STUB
    // todo!()
    // END
}

/// A model of 2 billion weights in bf16 writes one text. How many tokens per second at most?
pub fn tokens_per_second() -> usize {
    // SOLUTION
    250
    // STUB
    // todo!()
    // END
}

/// It writes 20 texts at once: each step fetches every weight once, and makes one token for
/// each text. How many tokens per second at most, all texts together?
pub fn twenty_texts() -> usize {
    // SOLUTION
    5000
    // STUB
    // todo!()
    // END
}
