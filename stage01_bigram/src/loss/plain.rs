//! Softmax, cross-entropy and its gradient as their equations stand, for one row of logits.
//!
//! ```
//! use stage01_bigram::loss::plain::{cross_entropy, gradient, softmax};
//!
//! // Two tokens with p = 1/2 each; the second came.
//! assert_eq!(softmax(&[0.0, 0.0]), [0.5, 0.5]);
//! assert!((cross_entropy(&[0.0, 0.0], 1) - 2f64.ln()).abs() < 1e-15);
//! assert_eq!(gradient(&[0.0, 0.0], 1), [0.5, -0.5]);
//! ```
//!
//! The fast twins, for many rows at once, in `f32` too and without a new vector, are in
//! [`loss`](super). What this file leaves out: why the gradient is p − 1, which stands there.

// ANCHOR: exponentials
/// exp(logit − max) of every logit, where max is the largest of them; and max.
fn exponentials(logits: &[f64]) -> (Vec<f64>, f64) {
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (logits.iter().map(|&logit| (logit - max).exp()).collect(), max)
}
// ANCHOR_END: exponentials

/// The probabilities: p\[i\] = exp(logits\[i\]) / sum over j of exp(logits\[j\]).
// ANCHOR: softmax
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let (exponentials, _) = exponentials(logits);
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}
// ANCHOR_END: softmax

/// The surprise at the target in nats: ln(sum over j of exp(logits\[j\])) − logits\[target\].
///
/// # Panics
/// When there is no logit of the target.
// ANCHOR: cross_entropy
pub fn cross_entropy(logits: &[f64], target: usize) -> f64 {
    let (exponentials, max) = exponentials(logits);
    let sum: f64 = exponentials.iter().sum();
    sum.ln() - (logits[target] - max)
}
// ANCHOR_END: cross_entropy

/// The gradient of [`cross_entropy`] for every logit: p − 1 for the target, p for the others.
///
/// # Panics
/// When there is no logit of the target.
// ANCHOR: gradient
pub fn gradient(logits: &[f64], target: usize) -> Vec<f64> {
    let mut p = softmax(logits);
    p[target] -= 1.0;
    p
}
// ANCHOR_END: gradient

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_fast_loss_is_the_plain_one(
            rows in prop::collection::vec(prop::collection::vec(-900.0..900.0, 5), 1..4),
            targets in prop::collection::vec(0u32..5, 4), scale in 0.1..2.0,
        ) {
            let logits = Array2::from_shape_fn((rows.len(), 5), |(i, j)| rows[i][j]);
            let targets = &targets[..rows.len()];
            let mut gradients = logits.clone();
            let fast = super::super::cross_entropy_backward(gradients.view_mut(), targets, scale);
            let plain: f64 = rows.iter().zip(targets).map(|(row, &t)| cross_entropy(row, t as usize)).sum();
            prop_assert!((fast - plain).abs() <= 1e-12 * plain.abs().max(1.0), "{fast} {plain}");
            for ((row, &target), fast) in rows.iter().zip(targets).zip(gradients.rows()) {
                for (plain, fast) in gradient(row, target as usize).into_iter().zip(fast) {
                    prop_assert!((fast - scale * plain).abs() < 1e-12, "{fast} {plain}");
                }
                let mut p = [0.0; 5];
                super::super::softmax(row, &mut p);
                for (plain, fast) in softmax(row).into_iter().zip(p) {
                    prop_assert!((fast - plain).abs() < 1e-12, "{fast} {plain}");
                }
            }
        }
    }
}
