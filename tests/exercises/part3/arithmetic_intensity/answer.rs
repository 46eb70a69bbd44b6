//! Arithmetic intensity, on paper. Replace each `todo!()` by a number.
//!
//! 16 rows times a matrix of 32 by 32, with numbers of 32 bits: each of the 16 · 32 results is
//! a sum of 32 products. Count an operation for each multiplication and one for each addition,
//! as the chapter does, and let every number travel once: the rows, the matrix, the results.
//!
//! The machine of the last two questions does 120 billion operations per second, and its memory
//! delivers 30 billion bytes per second.

/// How many operations?
pub fn operations() -> usize {
    // SOLUTION
    2 * 16 * 32 * 32
    // STUB
    // todo!()
    // END
}

/// How many bytes are fetched or put back?
pub fn bytes() -> usize {
    // SOLUTION
    4 * (16 * 32 + 32 * 32 + 16 * 32)
    // STUB
    // todo!()
    // END
}

/// How many operations per byte must work have, so that arithmetic is the limit and not memory?
pub fn border() -> f64 {
    // SOLUTION
    120.0 / 30.0
    // STUB
    // todo!()
    // END
}

/// A single row times a matrix of 1000 by 1000: how many billion operations per second can the
/// machine do at most? Leave out the row and the result: what counts is the matrix.
pub fn one_row() -> f64 {
    // SOLUTION
    30.0 * 2.0 / 4.0
    // STUB
    // todo!()
    // END
}
