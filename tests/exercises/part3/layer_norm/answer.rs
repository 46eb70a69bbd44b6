//! Layer norm: bring the numbers of each token to the mean 0 and the standard deviation 1, then
//! give each column a scale and a shift.
//!
//! For each row of x, with C numbers:
//!
//!   mean = (sum of x[j]) / C
//!   Var  = (sum of (x[j] - mean)^2) / C
//!   r    = 1 / sqrt(Var + 0.00001)
//!   y[j] = (x[j] - mean) * r * gamma[j] + beta[j]
//!
//! Example: with gamma = (1, 1, 1) and beta = (0, 0, 0) the row (1, 2, 3) becomes
//! (-1.2247, 0, 1.2247).
//!
//! In Rust, `x.row(i)` is a row of the table, `x.row(i).sum()` is the sum of its numbers, and
//! `x.row(i).iter()` goes through them. `Array2::zeros((rows, columns))` is a table of zeros.

use ndarray::{Array1, Array2};

/// Layer norm of every row. Shapes: x and the result (rows, C); gamma, beta (C).
pub fn layer_norm(x: &Array2<f64>, gamma: &Array1<f64>, beta: &Array1<f64>) -> Array2<f64> {
    // SOLUTION
    let c = x.ncols() as f64;
    let mut y = Array2::zeros(x.dim());
    for i in 0..x.nrows() {
        let mean = x.row(i).sum() / c;
        let variance = x.row(i).iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / c;
        let r = 1.0 / (variance + 1e-5).sqrt();
        for j in 0..x.ncols() {
            y[[i, j]] = (x[[i, j]] - mean) * r * gamma[j] + beta[j];
        }
    }
    y
    // STUB
    // todo!()
    // END
}
