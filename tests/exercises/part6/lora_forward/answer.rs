//! A linear layer with an adapter, and the layer without one that computes the same.
//!
//!   s = alpha / rank,    y = x W + s (x A) B,    merged: W + s A B
//!
//! x: (rows, n_in)   W: (n_in, n_out)   A: (n_in, rank)   B: (rank, n_out)
//!
//! On paper: x = (1, 2), W = (1 2; 3 4), A = (1; -1), B = (2, 1), alpha = 2. The rank is 1, so
//! s = 2. x W = (7, 10), x A = -1, and y = (7, 10) + 2 · (-2, -1) = (3, 8). The merged matrix is
//! (5 4; -1 2), and (1, 2) times it is (3, 8) again.

use ndarray::Array2;

/// s: alpha divided by the rank, which is the number of columns of A.
pub fn scale(a: &Array2<f64>, alpha: f64) -> f64 {
    // SOLUTION
    alpha / a.ncols() as f64
    // STUB
    // todo!()
    // END
}

/// y: (rows, n_out).
pub fn forward(
    x: &Array2<f64>,
    w: &Array2<f64>,
    a: &Array2<f64>,
    b: &Array2<f64>,
    alpha: f64,
) -> Array2<f64> {
    // SOLUTION
    let u = x.dot(a);
    x.dot(w) + scale(a, alpha) * u.dot(b)
    // STUB
    // todo!()
    // END
}

/// The matrix that does the same without an adapter: (n_in, n_out).
pub fn merged(w: &Array2<f64>, a: &Array2<f64>, b: &Array2<f64>, alpha: f64) -> Array2<f64> {
    // SOLUTION
    w + scale(a, alpha) * a.dot(b)
    // STUB
    // todo!()
    // END
}
