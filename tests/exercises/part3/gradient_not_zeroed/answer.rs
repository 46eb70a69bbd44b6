//! Find the bug. This file trains a line, y = a x + b, on some points by gradient descent, with
//! the mean square of the errors for its loss. It takes the points one after another, so the
//! backward pass adds.
//!
//! The symptoms: in the first steps the loss falls *faster* than it should. Then it turns, and
//! swings higher each time. With a smaller learning rate the same happens later. Yet the
//! gradient of the very first step agrees with nudges to the last digit.
//!
//! Mend the file. Only one place is wrong.

/// Adds the gradient of one point's loss, times scale, to grads. Returns this loss.
fn forward_backward(w: &[f64], [x, y]: [f64; 2], scale: f64, grads: &mut [f64]) -> f64 {
    let error = w[0] * x + w[1] - y;
    grads[0] += scale * 2.0 * error * x;
    grads[1] += scale * 2.0 * error;
    error * error
}

/// The mean loss before each step. w: a and b, which are trained.
pub fn train(w: &mut [f64; 2], points: &[[f64; 2]], lr: f64, steps: usize) -> Vec<f64> {
    let scale = 1.0 / points.len() as f64;
    let mut losses = Vec::new();
    let mut grads = [0.0; 2];
    for _ in 0..steps {
        grads.fill(0.0);
        let mut loss = 0.0;
        for &point in points {
            loss += scale * forward_backward(w, point, scale, &mut grads);
        }
        for i in 0..2 {
            w[i] -= lr * grads[i];
        }
        losses.push(loss);
    }
    losses
}
