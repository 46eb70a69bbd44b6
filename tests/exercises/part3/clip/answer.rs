//! Gradient clipping. The norm of the whole gradient is
//!
//!   G = sqrt(sum over i of grads[i]²)
//!
//! Where it is above the limit `grad_clip`, the gradient is shortened, and keeps its direction:
//!
//!   grads[i] = grads[i] · min(1, grad_clip / (G + 1e-6))
//!
//! A limit of 0 means that there is no limit.
//!
//! Example: the gradient [3, 4] has the norm 5. With the limit 1 it becomes [0.6, 0.8] (up to
//! the millionth that 1e-6 is for), and `clip` returns 5. With the limit 10 it stays [3, 4].

/// Clips the gradient in place. Returns its norm before.
pub fn clip(grads: &mut [f64], grad_clip: f64) -> f64 {
    // SOLUTION
    let norm = grads.iter().map(|g| g * g).sum::<f64>().sqrt();
    if grad_clip > 0.0 {
        let factor = (grad_clip / (norm + 1e-6)).min(1.0);
        grads.iter_mut().for_each(|g| *g *= factor);
    }
    norm
    // STUB
    // todo!()
    // END
}
