//! Find the bug. Accuracy is the share of the predictions that are right:
//!
//!   accuracy([3, 1, 4, 1], [3, 1, 4, 2])  is  3/4 = 0.75
//!
//! As you find it, this file compiles and runs, and is wrong. Somebody watched a training with
//! it. The accuracy was 0 in every evaluation, although the printed predictions became better
//! and better. At the very end it jumped to 1. Find out why, and mend the function. One line is
//! enough.

/// The share of places where the prediction is the target. There is at least one.
pub fn accuracy(predictions: &[u32], targets: &[u32]) -> f64 {
    let mut right = 0;
    for i in 0..targets.len() {
        if predictions[i] == targets[i] {
            right += 1;
        }
    }
    right as f64 / targets.len() as f64
}
