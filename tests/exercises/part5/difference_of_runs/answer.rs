//! Is a difference real, or what seeds do? Given the final losses of some runs of a new part and of
//! some runs of the old one, at least two of each:
//!
//!   difference     = mean of new - mean of old
//!   standard error = sqrt(variance of new / runs of new + variance of old / runs of old)
//!
//! A variance is estimated from the runs: the sum of the squares of their differences from the
//! mean, divided by one less than the number of runs.
//!
//! Example: new 1, 2, 3 and old 4, 4, 7 give the difference -3 and the standard error 1.1547.

/// The mean of some numbers.
fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The estimated variance of the numbers that such runs give.
fn variance(x: &[f64]) -> f64 {
    // SOLUTION
    let mean = mean(x);
    let squares: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    squares / (x.len() - 1) as f64
    // STUB
    // todo!()
    // END
}

/// The difference of the means, and its standard error.
pub fn difference(new: &[f64], old: &[f64]) -> (f64, f64) {
    // SOLUTION
    let of_mean = |x: &[f64]| variance(x) / x.len() as f64;
    (mean(new) - mean(old), (of_mean(new) + of_mean(old)).sqrt())
    // STUB
    // todo!("{}", mean(new) + variance(old))
    // END
}
