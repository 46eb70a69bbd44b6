//! A linear layer: every output is a weighted sum of all inputs, plus a bias.
//!
//!   y[r, j] = (sum over i of x[r, i] * w[i, j]) + b[j]             Y = X W + b
//!
//! r is the row: each row goes through the layer alone. All sums together are one product of
//! matrices.
//!
//! On paper: x = (1, 2), the rows of w are (1, 0, -1) and (2, 1, 0), b = (10, 20, 30). The
//! first output is 1 * 1 + 2 * 2 + 10 = 15, and y = (15, 22, 29).

use ndarray::{Array1, Array2};

/// y = x w + b for every row of x.
///
/// x: (rows, inputs); w: (inputs, outputs); b: (outputs). Returns y: (rows, outputs).
pub fn linear(x: &Array2<f64>, w: &Array2<f64>, b: &Array1<f64>) -> Array2<f64> {
    // SOLUTION
    x.dot(w) + b
    // STUB
    // todo!()
    // END
}
