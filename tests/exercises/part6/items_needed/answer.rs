//! How sure is an accuracy? On paper. Replace each `todo!()` by a number.
//!
//! The standard error of an accuracy p on n items is the root of p (1 - p) / n.

/// A model is right on 80 of 100 items. The standard error? Two digits behind the point.
pub fn error_of_80_of_100() -> f64 {
    // SOLUTION
    0.04
    // STUB
    // todo!()
    // END
}

/// How many items are needed, at the same accuracy, for a standard error of 0.01?
pub fn items_for_one_percent() -> usize {
    // SOLUTION
    1600
    // STUB
    // todo!()
    // END
}

/// Another model is tested on 100 *other* items, with the same standard error, 0.04. The standard
/// error of the difference between the two accuracies? Three digits behind the point.
pub fn error_of_a_difference() -> f64 {
    // SOLUTION
    0.057
    // STUB
    // todo!()
    // END
}

/// Two models answer the same 100 items. They differ on six of them, and on all six the second is
/// right. Six tosses of a coin: the probability of six times the same side? Five digits behind the
/// point.
pub fn six_of_six() -> f64 {
    // SOLUTION
    0.03125
    // STUB
    // todo!()
    // END
}
