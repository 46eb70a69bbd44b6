//! An experiment: divide scores by another power of d.
//!
//! Attention divides by the root of d, which is d to the power 0.5. The check draws random
//! queries and keys whose numbers have the usual size 1, divides their scores by d to the power
//! `POWER`, and prints for several d:
//!
//! - the variance of the scores,
//! - the entropy of the attention weights of a query among 64 keys (ln 64 = 4.16 when all keys
//!   get the same, 0 when one gets all),
//! - the largest attention weight of a query.
//!
//! Try 0, 0.25, 0.5, 1. Then write down what you found.

/// Scores are divided by d to this power.
pub const POWER: f64 = 0.25;

/// With which power does the variance not depend on d?
pub fn power_for_all_d() -> f64 {
    // SOLUTION
    0.5
    // STUB
    // todo!()
    // END
}

/// How does attention look with the power 0 at d = 1024, before anything is learned?
///
/// - 'a': one key gets nearly all, and which one is chance
/// - 'b': every key gets nearly 1/64, whatever the query
/// - 'c': as with the power 0.5
/// - 'd': the attention weights of a query no longer add up to 1
pub fn with_power_0() -> char {
    // SOLUTION
    'a'
    // STUB
    // todo!()
    // END
}

/// And with the power 1 at d = 1024? (The same choices.)
pub fn with_power_1() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}

/// Let the power be 0.25. How large is the variance of the scores at d = 1024, but for chance?
/// Work it out, and hold it to the experiment.
pub fn variance_with_a_quarter() -> f64 {
    // SOLUTION
    32.0
    // STUB
    // todo!()
    // END
}
