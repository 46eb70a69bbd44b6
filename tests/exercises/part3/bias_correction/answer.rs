//! The bias correction, on paper. Replace each `todo!()` by the number that you have worked
//! out.
//!
//!   m = beta1 m + (1 - beta1) g,    m_hat = m / (1 - beta1^t)
//!   v = beta2 v + (1 - beta2) g²,   v_hat = v / (1 - beta2^t)
//!
//! Both begin at zero. beta1 is 0.9 in all three questions, and a step is
//! lr · m_hat / sqrt(v_hat) long: leave eps out.

/// The first gradient of a weight is 1, the second 20. What is m after both?
pub fn average() -> f64 {
    // SOLUTION
    0.9 * 0.1 + 0.1 * 20.0 // 0.09 + 2
    // STUB
    // todo!()
    // END
}

/// And m_hat after both?
pub fn corrected() -> f64 {
    // SOLUTION
    2.09 / 0.19 // 1 - 0.9² = 0.19
    // STUB
    // todo!()
    // END
}

/// Somebody chooses beta2 = 0.9999 and forgets the bias correction: m / sqrt(v). How many
/// learning rates long is the first step of a weight whose gradient is not zero?
pub fn first_step() -> f64 {
    // SOLUTION
    10.0 // 0.1 g / sqrt(0.0001 g²)
    // STUB
    // todo!()
    // END
}
