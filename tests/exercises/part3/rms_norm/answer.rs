//! RMSNorm: layer norm without the mean. Many newer models use it.
//!
//!   r    = 1 / sqrt((sum of x[j]^2) / C + 0.00001)
//!   n[j] = x[j] * r,    y[j] = n[j] * gamma[j]
//!
//! Work out its backward pass. In layer norm a nudge of x[j] takes three ways: directly,
//! through the mean, and through the standard deviation. Which of them are left here? Then the
//! term of the missing way is missing in dx.
//!
//! Example: x = (3, 4) has the mean square 12.5, so r = 0.2828 and, with gamma = (1, 1),
//! y = (0.8485, 1.1314). With dy = (1, 0) the gradient of x is (0.1810, -0.1358).

/// RMSNorm of one row. Shape of x, gamma and the result: (C).
pub fn rms_norm(x: &[f64], gamma: &[f64]) -> Vec<f64> {
    // SOLUTION
    let square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    let r = 1.0 / (square + 1e-5).sqrt();
    (0..x.len()).map(|j| x[j] * r * gamma[j]).collect()
    // STUB
    // todo!()
    // END
}

/// The gradient of x. Adds the gradient of the scales to dgamma. Shape of all: (C).
pub fn rms_norm_backward(x: &[f64], gamma: &[f64], dy: &[f64], dgamma: &mut [f64]) -> Vec<f64> {
    // SOLUTION
    let c = x.len();
    let square = x.iter().map(|x| x * x).sum::<f64>() / c as f64;
    let r = 1.0 / (square + 1e-5).sqrt();
    let n: Vec<f64> = x.iter().map(|x| x * r).collect();
    let g: Vec<f64> = (0..c).map(|j| dy[j] * gamma[j]).collect();
    let mean_gn = (0..c).map(|j| g[j] * n[j]).sum::<f64>() / c as f64;
    for j in 0..c {
        dgamma[j] += dy[j] * n[j];
    }
    (0..c).map(|j| r * (g[j] - n[j] * mean_gn)).collect()
    // STUB
    // todo!()
    // END
}
