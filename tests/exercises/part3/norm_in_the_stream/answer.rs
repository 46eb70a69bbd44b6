//! Find the bug. This file holds a stack of pre-norm layers for the vector of one token,
//!
//!   x = x + f(norm(x)), once for each layer
//!
//! and a layer here is f(n)[j] = w[j] * n[j], with weights of its own. The norm has neither
//! scale nor shift.
//!
//! The symptoms: with 24 layers the numbers of the stream should grow slowly from layer to
//! layer, as corrections of about one size are added. Here the stream has the RMS 1 again at
//! each layer, as if it were post-norm. And where all weights are 0, so that no layer says
//! anything, the stream should pass as it was. It does not.
//!
//! Mend the file. Only one place is wrong.

/// Brings a row to the mean 0 and the root mean square 1. Shape: (C).
fn normalise(row: &mut [f64]) {
    let c = row.len() as f64;
    let mean = row.iter().sum::<f64>() / c;
    row.iter_mut().for_each(|x| *x -= mean);
    let variance = row.iter().map(|x| x * x).sum::<f64>() / c;
    row.iter_mut().for_each(|x| *x /= (variance + 1e-5).sqrt());
}

/// The stream behind the last layer. Shapes: x and the result (C); each of the layers (C).
pub fn stack(x: &[f64], layers: &[Vec<f64>]) -> Vec<f64> {
    let mut x = x.to_vec();
    for w in layers {
        let mut n = x.clone();
        normalise(&mut n);
        for j in 0..x.len() {
            x[j] += w[j] * n[j];
        }
    }
    x
}
