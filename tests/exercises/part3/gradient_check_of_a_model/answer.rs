//! The table of the chapter: nudge every weight of a model, and say for each tensor how far its
//! worst derivative is off. A single number for all of them says that something is wrong. A
//! number for each tensor says where.
//!
//! `nudge` finds the derivative for weight i from four losses, while all other weights stay as
//! they are. With near = loss(w[i] + h) - loss(w[i] - h), and far the same with 2h for h:
//!
//!   derivative = (8 * near - far) / (12 h)
//!
//! Afterwards the weight is what it was. Example: the cube of w at 2, with h = 1. Near is
//! 27 - 1 = 26, far is 64 - 0 = 64, and (208 - 64) / 12 = 12, which is exactly 3 * 2 * 2.
//!
//! `largest_errors` has the sizes of the tensors, which stand one after another in the list of
//! all weights. The error of a derivative a, where nudging gives n, is
//!
//!   |a - n| / max(|a|, |n|, floor)
//!
//! Example: the sizes 2 and 1, the gradient (5, 6, 1) and the nudges (5, 3, 1) have the largest
//! errors 0.5 and 0.
//!
//! In Rust, `x.abs()` is |x|, and `a.max(b)` the larger of two.

/// The derivative of the loss for weight i. The loss is asked four times.
pub fn nudge(w: &mut [f64], i: usize, h: f64, loss: &mut dyn FnMut(&[f64]) -> f64) -> f64 {
    // SOLUTION
    let old = w[i];
    let mut at = |nudged: f64| {
        w[i] = nudged;
        loss(w)
    };
    let near = at(old + h) - at(old - h);
    let far = at(old + 2.0 * h) - at(old - 2.0 * h);
    w[i] = old;
    (8.0 * near - far) / (12.0 * h)
    // STUB
    // todo!()
    // END
}

/// The largest error in each tensor. The sizes add up to the length of grads.
pub fn largest_errors(sizes: &[usize], grads: &[f64], nudged: &[f64], floor: f64) -> Vec<f64> {
    // SOLUTION
    let (mut start, mut errors) = (0, Vec::new());
    for &size in sizes {
        let mut largest: f64 = 0.0;
        for i in start..start + size {
            let (a, n) = (grads[i], nudged[i]);
            largest = largest.max((a - n).abs() / a.abs().max(n.abs()).max(floor));
        }
        errors.push(largest);
        start += size;
    }
    errors
    // STUB
    // todo!()
    // END
}
