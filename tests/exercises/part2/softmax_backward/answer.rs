//! Back through a softmax, for one row.
//!
//! p are the attention weights, the softmax of the scores s. First the table of all
//! derivatives:
//!
//!   J[i, j] = dp[i] / ds[j] = p[i] * ([i = j] - p[j])         [i = j] is 1 or 0
//!
//! Then what is really needed: the gradient of the loss with respect to the scores, when that
//! with respect to the weights is dp.
//!
//!   ds[j] = p[j] * (dp[j] - mean)      with mean = sum over l of p[l] * dp[l]
//!
//! The second must not build the first: a row of a thousand weights has a million derivatives.
//!
//! On paper: p = (1/4, 3/4), dp = (4, 8). The mean is 7, and ds = (-3/4, 3/4).

use ndarray::Array2;

/// How attention weight i moves with score j. p: (n). Returns (n, n).
pub fn jacobian(p: &[f64]) -> Array2<f64> {
    // SOLUTION
    Array2::from_shape_fn((p.len(), p.len()), |(i, j)| {
        let same = if i == j { 1.0 } else { 0.0 };
        p[i] * (same - p[j])
    })
    // STUB
    // todo!()
    // END
}

/// The gradient of the scores. p, dp: (n). Returns (n).
pub fn softmax_backward(p: &[f64], dp: &[f64]) -> Vec<f64> {
    // SOLUTION
    let mean: f64 = p.iter().zip(dp).map(|(p, dp)| p * dp).sum();
    p.iter().zip(dp).map(|(p, dp)| p * (dp - mean)).collect()
    // STUB
    // todo!()
    // END
}
