//! The learning rate of each step: warm-up in equal stairs, then half a wave of a cosine down.
//!
//!   warm-up, while iter < warmup_iters:
//!     learning_rate · (iter + 1) / (warmup_iters + 1)
//!   after the decay, from iter = lr_decay_iters on:
//!     min_lr
//!   in between:
//!     min_lr + (1 + cos(pi q)) / 2 · (learning_rate - min_lr)
//!     q = (iter - warmup_iters) / (lr_decay_iters - warmup_iters)
//!
//! The schedule for paper: largest rate 0.01, smallest 0.001, four steps of warm-up, the end of
//! the decay at step 12. Steps 0 to 4: 0.002, 0.004, 0.006, 0.008, 0.01. Step 8: 0.0055.
//! Step 12 and all later ones: 0.001.
//!
//! `std::f64::consts::PI` is pi, and `x.cos()` the cosine. `iter` and the two others are whole
//! numbers, `usize`: subtract them, and only then write `as f64`.

/// The learning rate of step `iter`, counted from 0. `learning_rate` is the largest one.
pub fn learning_rate(
    iter: usize,
    learning_rate: f64,
    min_lr: f64,
    warmup_iters: usize,
    lr_decay_iters: usize,
) -> f64 {
    // SOLUTION
    if iter < warmup_iters {
        return learning_rate * (iter + 1) as f64 / (warmup_iters + 1) as f64;
    }
    if iter >= lr_decay_iters {
        return min_lr;
    }
    let q = (iter - warmup_iters) as f64 / (lr_decay_iters - warmup_iters) as f64;
    min_lr + (1.0 + (std::f64::consts::PI * q).cos()) / 2.0 * (learning_rate - min_lr)
    // STUB
    // todo!()
    // END
}
