//! There is no rule for the logarithm of a sum. But a model often needs this one:
//!
//!   log_sum_exp(x) = ln(exp(x[0]) + exp(x[1]) + ...)
//!
//! On paper, for x = (0, 0, 0) it is ln(3), about 1.0986. For a computer exp(1000) is infinity,
//! and the logarithm of infinity is infinity. And exp(-1000) is 0, with the logarithm -inf. Yet
//! for x = (1000, 1000) the answer is an ordinary number: 1000 + ln(2).
//!
//! So subtract the largest number from all of them. That divides every exp, and so the sum, by
//! exp(largest). The logarithm of the sum is then too small by the largest number.

/// ln of the sum of exp(x[i]), for numbers of any size. x: (n), at least one.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    // SOLUTION
    let largest = x.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let sum: f64 = x.iter().map(|x| (x - largest).exp()).sum();
    largest + sum.ln()
    // STUB
    // todo!()
    // END
}
