//! RMSNorm: divide the numbers of each token by their root mean square, then give each column a
//! scale.
//!
//! For each row of x, with C numbers:
//!
//!   r    = 1 / sqrt((sum of x[j]^2) / C + 0.00001)
//!   y[j] = x[j] * r * gamma[j]
//!
//! Example: the mean square of (1, 5, 7) is 75 / 3 = 25 and its root 5. With gamma = (1, 1, 1)
//! the row becomes (0.2, 1, 1.4). (The tiny number changes the seventh digit.)
//!
//! In your own GPT this function takes the place of `layer_norm`. There is no beta.

use ndarray::{Array1, Array2};

/// RMSNorm of every row. Shapes: x and the result (rows, C); gamma (C).
pub fn rms_norm(x: &Array2<f64>, gamma: &Array1<f64>) -> Array2<f64> {
    // SOLUTION
    let c = x.ncols() as f64;
    let mut y = Array2::zeros(x.dim());
    for i in 0..x.nrows() {
        let mean_square = x.row(i).iter().map(|x| x * x).sum::<f64>() / c;
        let r = 1.0 / (mean_square + 1e-5).sqrt();
        for j in 0..x.ncols() {
            y[[i, j]] = x[[i, j]] * r * gamma[j];
        }
    }
    y
    // STUB
    // todo!()
    // END
}
