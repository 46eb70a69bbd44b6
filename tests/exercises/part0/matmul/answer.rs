//! A matrix times a matrix, with your own loops:
//!
//!   y[i, j] = sum over k of x[i, k] w[k, j]         (rows, n) times (n, m) gives (rows, m)
//!
//! In the chapter, with dogs and dog as the rows of X:
//!
//!   (1  2)         (1  2 -2)         ( 7  0 -2)
//!   (1 -2)  times  (3 -1  0)  gives  (-5  4 -2)
//!
//! Some programs store W turned on its side, with a row for each output. `matmul_transposed`
//! multiplies with such a matrix, and does not turn it first: it only reads it the other way.
//!
//! An `Array2` has `x.nrows()` rows and `x.ncols()` columns, `x[[i, k]]` is one of its numbers,
//! and `Array2::zeros((2, 3))` is a table of zeros with 2 rows and 3 columns. Do not use
//! `.dot` or `.t()`: they are what you are writing.

use ndarray::Array2;

/// X W. x: (rows, n); w: (n, m); the result: (rows, m).
pub fn matmul(x: &Array2<f64>, w: &Array2<f64>) -> Array2<f64> {
    // SOLUTION
    let mut y = Array2::zeros((x.nrows(), w.ncols()));
    for i in 0..x.nrows() {
        for j in 0..w.ncols() {
            for k in 0..w.nrows() {
                y[[i, j]] += x[[i, k]] * w[[k, j]];
            }
        }
    }
    y
    // STUB
    // todo!()
    // END
}

/// X times the transpose of the given matrix.
///
/// x: (rows, n); w_t: (m, n); the result: (rows, m).
pub fn matmul_transposed(x: &Array2<f64>, w_t: &Array2<f64>) -> Array2<f64> {
    // SOLUTION
    let mut y = Array2::zeros((x.nrows(), w_t.nrows()));
    for i in 0..x.nrows() {
        for j in 0..w_t.nrows() {
            for k in 0..w_t.ncols() {
                y[[i, j]] += x[[i, k]] * w_t[[j, k]];
            }
        }
    }
    y
    // STUB
    // todo!()
    // END
}
