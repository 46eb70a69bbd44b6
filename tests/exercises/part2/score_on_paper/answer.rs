//! Predict, on paper: variances of scores.
//!
//! Every number of a query is +2 or -2, and every number of a key is +3 or -3. Each is decided
//! by a coin of its own. d is 4: a score adds up four products.
//!
//! The mean of a score is zero, so its variance is its mean square.

/// What is the variance of ONE product, a number of the query times a number of the key?
pub fn variance_of_product() -> f64 {
    // SOLUTION
    36.0
    // STUB
    // todo!()
    // END
}

/// What is the variance of the dot product, not divided by anything?
pub fn variance_of_dot() -> f64 {
    // SOLUTION
    144.0
    // STUB
    // todo!()
    // END
}

/// What is the standard deviation of the score, that is, of the dot product divided by sqrt(d)?
pub fn std_of_score() -> f64 {
    // SOLUTION
    6.0
    // STUB
    // todo!()
    // END
}

/// Now ONE coin decides all four numbers of the query, and another one all four of the key.
/// What is the variance of the dot product?
pub fn variance_with_two_coins() -> f64 {
    // SOLUTION
    576.0
    // STUB
    // todo!()
    // END
}
