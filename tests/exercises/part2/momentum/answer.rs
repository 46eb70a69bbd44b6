//! Gradient descent with momentum, as the model of this part is trained.
//!
//!   u = 0.9 * u + g                      the velocity: nine tenths of it stay, and g is added
//!   w = w - rate * u                     the step goes along the velocity
//!
//! The rate falls in a straight line to zero over the run:
//!
//!   rate(iter) = first * (1 - iter / steps)
//!
//! On paper: the gradient is always 1, the rate 0.5, and w and u begin at 0. After one step u =
//! 1 and w = -0.5. After two steps u = 1.9 and w = -1.45.

/// One step: changes the weights and the velocity.
///
/// w, u, g: the weights, the velocity and the gradient, all of the same length.
pub fn step(w: &mut [f64], u: &mut [f64], g: &[f64], rate: f64) {
    // SOLUTION
    for i in 0..w.len() {
        u[i] = 0.9 * u[i] + g[i];
        w[i] -= rate * u[i];
    }
    // STUB
    // todo!()
    // END
}

/// The rate of step `iter`, where steps are numbered from 0 to steps - 1. The first step has
/// the rate `first`.
pub fn falling_rate(first: f64, iter: usize, steps: usize) -> f64 {
    // SOLUTION
    first * (1.0 - iter as f64 / steps as f64)
    // STUB
    // todo!()
    // END
}
