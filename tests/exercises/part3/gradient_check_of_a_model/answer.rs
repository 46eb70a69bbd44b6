//! A gradient check: nudge every weight, and compare.
//!
//! `nudged` finds each derivative by central differences. For weight i, while all
//! others stay as they are:
//!
//!   (loss with w[i] + h  -  loss with w[i] - h) / (2 h)
//!
//! `largest_error` compares a gradient with the nudges. The error of a derivative is relative:
//!
//!   |a - n| / max(|a|, |n|, floor)
//!
//! The floor keeps rounding near 0 from being called a mistake.
//!
//! Example: the loss w[0] * w[1] at w = (3, 5) has the derivatives (5, 3). For the gradient
//! (5, 6) the largest error is 3 / 6 = 0.5.
//!
//! In Rust, `weights.to_vec()` is a copy, `x.abs()` is |x|, and `a.max(b)` the larger of two.

/// The derivative of the loss for each weight, by nudging. The loss is called twice for each.
pub fn nudged(weights: &[f64], h: f64, loss: &mut dyn FnMut(&[f64]) -> f64) -> Vec<f64> {
    // SOLUTION
    let mut w = weights.to_vec();
    let mut derivatives = Vec::new();
    for i in 0..w.len() {
        w[i] = weights[i] + h;
        let up = loss(&w);
        w[i] = weights[i] - h;
        let down = loss(&w);
        w[i] = weights[i];
        derivatives.push((up - down) / (2.0 * h));
    }
    derivatives
    // STUB
    // todo!()
    // END
}

/// The largest relative error of a gradient; 0 if there are no weights.
pub fn largest_error(gradient: &[f64], nudged: &[f64], floor: f64) -> f64 {
    // SOLUTION
    let mut largest: f64 = 0.0;
    for (a, n) in gradient.iter().zip(nudged) {
        largest = largest.max((a - n).abs() / a.abs().max(n.abs()).max(floor));
    }
    largest
    // STUB
    // todo!()
    // END
}
