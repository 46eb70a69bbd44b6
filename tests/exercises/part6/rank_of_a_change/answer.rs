//! How much rank does a change need? An experiment.
//!
//! A matrix of 8 × 8 is to change by D. D is a sum of three products of a column and a row, all of
//! length 1, at right angles to each other, which are multiplied by 4, 2 and 1/2. An adapter A B of
//! rank RANK learns D by gradient descent on the squared error, the sum of the squares of all
//! entries of A B - D. B begins at zero.
//!
//! Run the check: it prints the squared error after some steps. Change RANK, and replace the
//! `todo!()`s by what you see. (The sum of the squares of the entries of D is 16 + 4 + 1/4.)

pub const RANK: usize = 1;

/// With which rank, the smallest one, does the error fall to 0?
pub fn smallest_rank() -> usize {
    // SOLUTION
    3
    // STUB
    // todo!()
    // END
}

/// What remains of the squared error with rank 1? Two digits behind the point.
pub fn error_of_rank_1() -> f64 {
    // SOLUTION
    4.25
    // STUB
    // todo!()
    // END
}

/// Why does it not fall further with rank 1?
///
/// - 'a': the learning rate is too small, and more steps would do it.
/// - 'b': B began at zero, so a part of it never learns.
/// - 'c': all rows of A B are multiples of the one row of B, and those of D are not.
/// - 'd': an adapter of rank 1 has 16 numbers, and there are 64 entries to be reached.
pub fn why() -> char {
    // SOLUTION
    'c'
    // STUB
    // todo!()
    // END
}
