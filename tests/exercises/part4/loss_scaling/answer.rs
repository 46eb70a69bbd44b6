//! Loss scaling for f16: a factor that finds its own size.
//!
//! The loss was multiplied by `scale` before the backward pass, so every derivative is `scale`
//! times too large. Before the step:
//!
//! - If a number of the gradient is not finite, the factor was too large: skip the step, halve
//!   the factor, and begin to count again.
//! - Otherwise divide the gradient by the factor and take the step. After GROW_AFTER such steps
//!   in a row double the factor, for the steps that follow, and begin to count again.
//!
//! Example: the scale is 1024, and a gradient is [2048, 512]. It becomes [2, 0.5], the step is
//! taken. The next one is [infinity, 3]: it is skipped, and the scale is 512.

/// After how many good steps in a row the factor is doubled.
pub const GROW_AFTER: usize = 4;

/// The factor, and how many good steps there were since it changed.
pub struct Scaler {
    pub scale: f64,
    pub good_steps: usize,
}

impl Scaler {
    /// Takes the factor out of a gradient. Returns whether the step is to be taken. Where it is
    /// not, the gradient does not matter any more.
    pub fn unscale(&mut self, gradient: &mut [f64]) -> bool {
        // SOLUTION
        if !gradient.iter().all(|g| g.is_finite()) {
            self.scale /= 2.0;
            self.good_steps = 0;
            return false;
        }
        gradient.iter_mut().for_each(|g| *g /= self.scale);
        self.good_steps += 1;
        if self.good_steps == GROW_AFTER {
            self.scale *= 2.0;
            self.good_steps = 0;
        }
        true
        // STUB
        // todo!()
        // END
    }
}
