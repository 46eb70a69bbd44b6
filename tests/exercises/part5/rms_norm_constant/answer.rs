//! What does each norm see? Work it out on paper, with all scales 1 and all shifts 0. Leave the
//! tiny number under the root out: the check rounds to three digits behind the point.
//!
//! Replace each `todo!()` by your number.

/// All four numbers of a token are -3. What does *layer norm* make of each of them?
pub fn layer_norm_of_minus_threes() -> f64 {
    // SOLUTION
    0.0
    // STUB
    // todo!()
    // END
}

/// And what does *RMSNorm* make of each of them?
pub fn rms_norm_of_minus_threes() -> f64 {
    // SOLUTION
    -1.0
    // STUB
    // todo!()
    // END
}

/// A token is (3, 4, 0, 0). What does RMSNorm make of the 4?
pub fn the_second_of_four() -> f64 {
    // SOLUTION
    1.6
    // STUB
    // todo!()
    // END
}

/// RMSNorm gets (3, 4, 0, 0), and the gradient of its result is (0, 0, 1, 0). What is the
/// gradient of the third number, the first 0?
pub fn gradient_of_a_zero() -> f64 {
    // SOLUTION
    0.4
    // STUB
    // todo!()
    // END
}
