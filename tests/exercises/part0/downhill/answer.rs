//! Find the bug. Gradient descent for y = x . w and L = (y - target)^2:
//!
//!   dL/dw[i] = 2 (y - target) x[i]
//!   w[i] becomes w[i] - learning_rate dL/dw[i], for all weights at once
//!
//! As you find it, this file compiles and runs, and the loss falls. But the numbers are not
//! those of the chapter. With x = (2, 1), the target 5 and the learning rate 0.05, the first
//! step goes from w = (1, 0) to (1.6, 0.3) on paper. Here it goes to (1.6, 0.18): the first
//! weight is right, the second is not. With three weights, the third is off by even more. Find
//! out why, and mend it.

/// y = x . w
pub fn prediction(w: &[f64], x: &[f64]) -> f64 {
    w.iter().zip(x).map(|(w, x)| w * x).sum()
}

/// The slope of the loss for each weight. w, x and the result: (n).
pub fn gradient(w: &[f64], x: &[f64], target: f64) -> Vec<f64> {
    let l_by_y = 2.0 * (prediction(w, x) - target);
    x.iter().map(|x| l_by_y * x).collect()
}

/// One step downhill. w, x: (n).
pub fn step(w: &mut [f64], x: &[f64], target: f64, learning_rate: f64) {
    let slopes = gradient(w, x, target);
    for i in 0..w.len() {
        w[i] -= learning_rate * slopes[i];
    }
}
