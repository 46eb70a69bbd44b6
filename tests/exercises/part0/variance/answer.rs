//! How widely are values spread? Take the distance of each value from the mean, square it, and
//! take the mean of the squares. This is the **variance**, and its root is the standard
//! deviation.
//!
//!   mean     = sum over i of p[i] x[i]
//!   variance = sum over i of p[i] (x[i] - mean)^2
//!
//! Tokens of 1, 3 and 5 letters with the probabilities 1/2, 1/4 and 1/4 have the mean 2.5. The
//! squares are 2.25, 0.25 and 6.25, and the variance is 1.125 + 0.0625 + 1.5625 = 2.75.
//!
//! The mean of n draws is typically off by the root of (variance / n). For 64 of these tokens
//! that is the root of 0.04297: 0.207. The table in the chapter, made by a thousand tries, has
//! 0.200.
//!
//! Often you have only n draws, and do not know the true mean. Then you take the mean of the
//! draws in its place. But that mean lies amid the draws: they are nearer to it than to the
//! true one, and the squares come out too small, by the factor (n - 1) / n in the mean. So
//! divide by n - 1:
//!
//!   sample_variance = (sum over i of (x[i] - mean of the draws)^2) / (n - 1)
//!
//! The draws 1 and 5 have the mean 3 and the sample variance (4 + 4) / 1 = 8.

/// The mean square of the distance from the mean. values, probabilities: (n).
pub fn variance(values: &[f64], probabilities: &[f64]) -> f64 {
    // SOLUTION
    let mut mean = 0.0;
    for i in 0..values.len() {
        mean += probabilities[i] * values[i];
    }
    let mut variance = 0.0;
    for i in 0..values.len() {
        variance += probabilities[i] * (values[i] - mean) * (values[i] - mean);
    }
    variance
    // STUB
    // todo!()
    // END
}

/// How far off the mean of n draws typically is, if one draw has this variance.
pub fn typical_error(variance: f64, n: usize) -> f64 {
    // SOLUTION
    (variance / n as f64).sqrt()
    // STUB
    // todo!()
    // END
}

/// An estimate of the variance from draws alone. There are at least two.
pub fn sample_variance(draws: &[f64]) -> f64 {
    // SOLUTION
    let n = draws.len() as f64;
    let middle = draws.iter().sum::<f64>() / n;
    draws.iter().map(|x| (x - middle) * (x - middle)).sum::<f64>() / (n - 1.0)
    // STUB
    // todo!()
    // END
}
