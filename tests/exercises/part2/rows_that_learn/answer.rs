//! Predict, on paper: which numbers does a text read, and which of them get a gradient?
//!
//! The vocabulary has 73 characters and the embedding width C is 64, as in the chapter. Places
//! go from 0 to 63. A batch has two windows of 8 characters:
//!
//!   banana b          (b a n a n a, a space, b)
//!   an a ban          (a n, a space, a, a space, b a n)
//!
//! Write each number as a calculation if you like: 3 * 4.

/// How many numbers of the token table does the forward pass copy, all copies counted?
pub fn numbers_copied() -> usize {
    // SOLUTION
    2 * 8 * 64
    // STUB
    // todo!()
    // END
}

/// How many rows of the gradient of the token table are not zero after the backward pass? (No
/// row of dx is zero, and no two of them cancel.)
pub fn rows_of_tokens() -> usize {
    // SOLUTION
    4
    // STUB
    // todo!()
    // END
}

/// How many rows of the gradient of the table of places are not zero?
pub fn rows_of_places() -> usize {
    // SOLUTION
    8
    // STUB
    // todo!()
    // END
}

/// Let every number of dx be 1. What is the first number of the gradient of the row of `a`?
pub fn gradient_of_a() -> usize {
    // SOLUTION
    6
    // STUB
    // todo!()
    // END
}
