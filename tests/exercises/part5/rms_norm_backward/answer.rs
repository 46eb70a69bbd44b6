//! The backward pass of RMSNorm.
//!
//! Forward, for each row: n[j] = x[j] * r with r = 1 / sqrt((mean of x^2) + 0.00001), and
//! y[j] = n[j] * gamma[j].
//!
//! In layer norm a nudge of x[j] takes three ways: directly, through the mean, and through the
//! standard deviation. Which ways are left here, and which term of dx belongs to each?
//! Write the gradient of x, and *add* the gradient of the scales to dgamma.
//!
//! n and r are not given. Compute them from x a second time.
//!
//! Example: x = (1, 5, 7), gamma = (1, 1, 1) and dy = (0, 1, 0) give dx = (-0.0133, 0.1333,
//! -0.0933), as in the chapter.

use ndarray::{Array1, Array2};

/// The gradient of x. Adds the gradient of the scales to dgamma.
///
/// Shapes: x, dy and the result (rows, C); gamma, dgamma (C).
pub fn rms_norm_backward(
    x: &Array2<f64>,
    gamma: &Array1<f64>,
    dy: &Array2<f64>,
    dgamma: &mut Array1<f64>,
) -> Array2<f64> {
    // SOLUTION
    let c = x.ncols() as f64;
    let mut dx = Array2::zeros(x.dim());
    for i in 0..x.nrows() {
        let mean_square = x.row(i).iter().map(|x| x * x).sum::<f64>() / c;
        let r = 1.0 / (mean_square + 1e-5).sqrt();
        let n = x.row(i).mapv(|x| x * r);
        let g = &dy.row(i) * gamma;
        let mean_gn = (&g * &n).sum() / c;
        for j in 0..x.ncols() {
            dx[[i, j]] = r * (g[j] - n[j] * mean_gn);
            dgamma[j] += dy[[i, j]] * n[j];
        }
    }
    dx
    // STUB
    // todo!()
    // END
}
