//! Work these out on paper. A die shows 1 to 6, each with the probability 1/6. A coin shows
//! heads with the probability 1/2. Two dice, or two tosses, are independent. You may write a
//! result as a division: 1.0 / 6.0.
//!
//! For the questions about two dice, draw a table: a row for each number of the first die, a
//! column for each of the second, and in each of the 36 places the sum of both. Every place is
//! equally likely.

/// The probability that three tosses all show heads.
pub fn three_heads() -> f64 {
    // SOLUTION
    1.0 / 8.0
    // STUB
    // todo!()
    // END
}

/// The probability that at least one of three tosses shows heads.
pub fn at_least_one_head() -> f64 {
    // SOLUTION
    7.0 / 8.0
    // STUB
    // todo!()
    // END
}

/// The probability that the sum of two dice is 4.
pub fn sum_is_four() -> f64 {
    // SOLUTION
    3.0 / 36.0
    // STUB
    // todo!()
    // END
}

/// The probability that the first die shows 1, given that the sum of both is 4.
pub fn one_given_four() -> f64 {
    // SOLUTION
    1.0 / 3.0
    // STUB
    // todo!()
    // END
}

/// The probability that the sum of both is 4, given that the first die shows 1.
pub fn four_given_one() -> f64 {
    // SOLUTION
    1.0 / 6.0
    // STUB
    // todo!()
    // END
}

/// The expectation of the larger of the two numbers that two dice show (of 3 and 3 it is 3). In
/// how many of the 36 places is it 1, 2, 3, 4, 5, 6?
pub fn expected_larger() -> f64 {
    // SOLUTION
    (1.0 + 2.0 * 3.0 + 3.0 * 5.0 + 4.0 * 7.0 + 5.0 * 9.0 + 6.0 * 11.0) / 36.0
    // STUB
    // todo!()
    // END
}
