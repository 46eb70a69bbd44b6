//! Work it out on paper. Eight rows of 64 numbers are sent through two matrices:
//!
//!   X has the shape (8, 64), W1 has (64, 256), W2 has (256, 32), and Y = X W1 W2.
//!
//! The brackets do not change the result: (X W1) W2 and X (W1 W2) are the same numbers. But the
//! machine works differently hard for them. Write each number, or the products and sums that
//! give it: 8 * 64 is a good answer, too.

/// The shape of Y: its rows, then its columns.
pub fn shape() -> [usize; 2] {
    // SOLUTION
    [8, 32]
    // STUB
    // todo!()
    // END
}

/// How many weights there are: the numbers in W1 and W2 together.
pub fn weights() -> usize {
    // SOLUTION
    64 * 256 + 256 * 32
    // STUB
    // todo!()
    // END
}

/// How many multiplications (X W1) W2 takes: first X W1, then what came out times W2.
pub fn multiplications() -> usize {
    // SOLUTION
    8 * 64 * 256 + 8 * 256 * 32
    // STUB
    // todo!()
    // END
}

/// How many multiplications X (W1 W2) takes: first W1 W2, then X times what came out.
pub fn matrices_first() -> usize {
    // SOLUTION
    64 * 256 * 32 + 8 * 64 * 32
    // STUB
    // todo!()
    // END
}
