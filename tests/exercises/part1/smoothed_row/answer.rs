//! Predict: a row, with and without smoothing.
//!
//! The text is the word mississippi. Its vocabulary is i, m, p, s, so V = 4. Draw the bigram
//! table on paper, and answer before you run the check. Fractions may be written as they are:
//! `1.0 / 3.0`.

/// p(s | i), without smoothing.
pub fn s_after_i() -> f64 {
    // SOLUTION
    2.0 / 3.0
    // STUB
    // todo!()
    // END
}

/// p(s | i), with k = 1.
pub fn s_after_i_smoothed() -> f64 {
    // SOLUTION
    (2.0 + 1.0) / (3.0 + 4.0)
    // STUB
    // todo!()
    // END
}

/// How many of the 16 entries of the table have the probability 0, without smoothing?
pub fn zeros() -> usize {
    // SOLUTION
    16 - 7
    // STUB
    // todo!()
    // END
}

/// For which k is p(s | i) exactly one half?
pub fn k_for_one_half() -> f64 {
    // SOLUTION
    0.5
    // STUB
    // todo!()
    // END
}
