//! Angles of rotary positions, on paper. Replace each `todo!()` by a number.
//!
//! A head has 8 columns, so it has four pairs. Theta is 10,000. Pair c is the columns c and c + 4,
//! counted from 0, and turns by 10,000^(-2 c / 8) radians per token: a quarter more in the exponent
//! is a factor of ten.

/// Which column is turned together with column 6?
pub fn partner_of_column_6() -> usize {
    // SOLUTION
    2
    // STUB
    // todo!()
    // END
}

/// By how many radians per token does pair 2 turn?
pub fn frequency_of_pair_2() -> f64 {
    // SOLUTION
    0.01
    // STUB
    // todo!()
    // END
}

/// By how many radians is pair 1 of the token at position 30 turned?
pub fn angle_of_pair_1_at_position_30() -> f64 {
    // SOLUTION
    3.0
    // STUB
    // todo!()
    // END
}

/// A query stands at position 130 and a key at position 100. What is the angle between the turns
/// of their pair 3, in radians?
pub fn angle_between_130_and_100_in_pair_3() -> f64 {
    // SOLUTION
    0.03
    // STUB
    // todo!()
    // END
}
