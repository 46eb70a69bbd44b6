//! One training step over several micro-batches.
//!
//! A batch that does not fit into memory comes in n parts of equal size. The loss of the batch
//! is the mean of their losses, so its gradient is the mean of their gradients. Backward passes
//! *add*, and so the parts can be added up in one buffer:
//!
//!   1. Set the gradients to zero. What is in them belongs to the step before.
//!   2. For each micro-batch i = 0, 1, …, n - 1 call `forward_backward(i, scale, grads)` with
//!      scale = 1 / n. It adds scale times the gradient of this micro-batch to `grads`, and
//!      returns the mean loss of the micro-batch, not scaled.
//!   3. Call `update(grads)`, once. It clips and takes the step of the optimiser.
//!   4. Return the mean loss of the batch.
//!
//! Example: two micro-batches with the losses 3 and 5 and the gradients (1, 0) and (3, 2). The
//! update gets (2, 1), and the step returns 4.
//!
//! (`&mut dyn FnMut(…)` is a closure that is lent; call it like a function. `grads.fill(0.0)`
//! writes a number into every place.)

/// Takes one step, and returns the mean loss before it. Shape of grads: (number of weights).
pub fn training_step(
    micro_batches: usize,
    grads: &mut [f64],
    forward_backward: &mut dyn FnMut(usize, f64, &mut [f64]) -> f64,
    update: &mut dyn FnMut(&mut [f64]),
) -> f64 {
    // SOLUTION
    grads.fill(0.0);
    let scale = 1.0 / micro_batches as f64;
    let mut loss = 0.0;
    for i in 0..micro_batches {
        loss += scale * forward_backward(i, scale, grads);
    }
    update(grads);
    loss
    // STUB
    // todo!()
    // END
}
