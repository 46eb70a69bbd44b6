//! The backward pass of layer norm.
//!
//! Forward, for each row: n[j] = (x[j] - mean) * r with r = 1 / sqrt(Var + 0.00001), and
//! y[j] = n[j] * gamma[j] + beta[j].
//!
//! Backward, for each row, with g[j] = dy[j] * gamma[j]:
//!
//!   dx[j] = r * (g[j] - mean of g - n[j] * mean of (g n))
//!
//! and for the weights, summed over all rows and *added* to what is there:
//!
//!   dgamma[j] += dy[j] * n[j],    dbeta[j] += dy[j]
//!
//! n and r are not given. Compute them from x a second time.
//!
//! Example: x = (1, 2, 3), gamma = (1, 1, 1) and dy = (1, 0, 0) give dx = (0.2041, -0.4082,
//! 0.2041), as in the chapter.
//!
//! In Rust, `x.row(i).mapv(|x| …)` is a row in which each number is replaced, and `&a * &b`
//! multiplies two rows number by number.

use ndarray::{Array1, Array2};

/// The gradient of x. Adds the gradients of scale and shift to dgamma and dbeta.
///
/// Shapes: x, dy and the result (rows, C); gamma, dgamma, dbeta (C).
pub fn layer_norm_backward(
    x: &Array2<f64>,
    gamma: &Array1<f64>,
    dy: &Array2<f64>,
    dgamma: &mut Array1<f64>,
    dbeta: &mut Array1<f64>,
) -> Array2<f64> {
    // SOLUTION
    let c = x.ncols() as f64;
    let mut dx = Array2::zeros(x.dim());
    for i in 0..x.nrows() {
        let mean = x.row(i).sum() / c;
        let variance = x.row(i).iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / c;
        let r = 1.0 / (variance + 1e-5).sqrt();
        let n = x.row(i).mapv(|x| (x - mean) * r);
        let g = &dy.row(i) * gamma;
        let (mean_g, mean_gn) = (g.sum() / c, (&g * &n).sum() / c);
        for j in 0..x.ncols() {
            dx[[i, j]] = r * (g[j] - mean_g - n[j] * mean_gn);
            dgamma[j] += dy[[i, j]] * n[j];
            dbeta[j] += dy[[i, j]];
        }
    }
    dx
    // STUB
    // todo!()
    // END
}
