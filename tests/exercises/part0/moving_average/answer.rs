//! The loss of a training jitters from step to step. A moving average shows where it is going:
//! each number of the result is the mean of `n` losses in a row.
//!
//!   moving_average([4, 2, 3, 1], 2)  is  [3, 2.5, 2]
//!
//! On paper: (4 + 2) / 2, then (2 + 3) / 2, then (3 + 1) / 2. The result has n - 1 numbers
//! fewer than the losses. If there are fewer than `n` losses, the result is empty. `n` is at
//! least 1.

/// The mean of each `n` neighbours, from the first `n` to the last `n`.
pub fn moving_average(losses: &[f64], n: usize) -> Vec<f64> {
    // SOLUTION
    losses.windows(n).map(|window| window.iter().sum::<f64>() / n as f64).collect()
    // STUB
    // todo!()
    // END
}
