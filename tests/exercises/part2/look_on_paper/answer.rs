//! Predict, on paper: what a query takes.
//!
//! Queries, keys and values are single numbers, so d is 1. There are three keys: 0, ln 2 and
//! ln 4, and three values: 8, 0 and 4. No mask.
//!
//! exp(ln 4) is 4, and exp(2 * ln 4) is 4 * 4. Write a fraction as 3.0 / 7.0.

/// The query is 1. What is the attention weight of the last key?
pub fn weight_of_last() -> f64 {
    // SOLUTION
    4.0 / 7.0
    // STUB
    // todo!()
    // END
}

/// The query is 1. What is the mixture?
pub fn mixture() -> f64 {
    // SOLUTION
    24.0 / 7.0
    // STUB
    // todo!()
    // END
}

/// The query is 2: it looks more sharply. What is the attention weight of the last key?
pub fn sharper() -> f64 {
    // SOLUTION
    16.0 / 21.0
    // STUB
    // todo!()
    // END
}

/// The query is -1. What is the attention weight of the last key?
pub fn turned_round() -> f64 {
    // SOLUTION
    1.0 / 7.0
    // STUB
    // todo!()
    // END
}

/// The query is 1 again, and ln 3 is added to all three keys. What is the attention weight of
/// the last key?
pub fn all_keys_moved() -> f64 {
    // SOLUTION
    2.0 * 2.0 / 7.0
    // STUB
    // todo!()
    // END
}
