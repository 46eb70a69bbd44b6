//! A stack of layers with residual connections, for paper: each layer is f(x) = w * x * x with
//! a weight w of its own, and the stream is a single number.
//!
//!   x[l + 1] = x[l] + w[l] * x[l] * x[l]
//!
//! Backward: d is the gradient of the last number of the stream. Walk from the last layer to
//! the first. At each, a nudge of w[l] moves the stream by x[l] * x[l], and a nudge of x[l]
//! moves it on two ways: directly, and through the layer, whose derivative is 2 * w[l] * x[l].
//!
//! Example: x[0] = 1 and w = (0.5, 0.1) make the stream 1, 1.5, 1.725. With d = 1 at the end,
//! the walk begins at the second layer: the gradient of w[1] is 1.5 * 1.5 = 2.25, and d becomes
//! 1 + 2 * 0.1 * 1.5 = 1.3. Then the gradient of w[0] is 1.3 * 1, and d becomes
//! 1.3 + 1.3 * 2 * 0.5 * 1 = 2.6, which is the gradient of x[0].
//!
//! In Rust, `for l in (0..n).rev()` counts from n - 1 down to 0.

/// The stream: x[0], x[1], …, one number more than there are weights.
pub fn forward(w: &[f64], x: f64) -> Vec<f64> {
    // SOLUTION
    let mut stream = vec![x];
    for l in 0..w.len() {
        stream.push(stream[l] + w[l] * stream[l] * stream[l]);
    }
    stream
    // STUB
    // todo!()
    // END
}

/// The gradient of x[0], from the gradient d of the stream's last number. Adds the gradients of
/// the weights to dw.
pub fn backward(w: &[f64], stream: &[f64], d: f64, dw: &mut [f64]) -> f64 {
    // SOLUTION
    let mut d = d;
    for l in (0..w.len()).rev() {
        dw[l] += d * stream[l] * stream[l];
        d += d * 2.0 * w[l] * stream[l];
    }
    d
    // STUB
    // todo!()
    // END
}
