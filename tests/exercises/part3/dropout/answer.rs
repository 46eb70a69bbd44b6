//! Dropout, forward and backward.
//!
//!   mask[i] = 0 with probability p, and 1 / (1 - p) otherwise
//!   y[i] = x[i] · mask[i]
//!   dx[i] = dy[i] · mask[i], with the same mask
//!
//! Where does chance come from? `draws` has a random number for each x, 0 <= draws[i] < 1, each
//! equally likely. It is below p with the probability p: then x[i] is dropped.
//!
//! Example: x = [4, 8], p = 0.25, draws = [0.9, 0.1]. The first stays, the second is dropped.
//! The mask is [4/3, 0], and y = [16/3, 0]. If the gradient of y is [3, 3], that of x is [4,
//! 0].

/// The dropout mask. Shape: as draws.
pub fn mask(draws: &[f64], p: f64) -> Vec<f64> {
    // SOLUTION
    draws.iter().map(|&u| if u < p { 0.0 } else { 1.0 / (1.0 - p) }).collect()
    // STUB
    // todo!()
    // END
}

/// The forward pass: y. Shape of x, mask and y: (n).
pub fn dropout(x: &[f64], mask: &[f64]) -> Vec<f64> {
    // SOLUTION
    x.iter().zip(mask).map(|(x, k)| x * k).collect()
    // STUB
    // todo!()
    // END
}

/// The backward pass: the gradient of x from the gradient of y. Shape: (n).
pub fn dropout_backward(dy: &[f64], mask: &[f64]) -> Vec<f64> {
    // SOLUTION
    dy.iter().zip(mask).map(|(dy, k)| dy * k).collect()
    // STUB
    // todo!()
    // END
}
