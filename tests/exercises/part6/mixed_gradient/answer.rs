//! Two tasks and two weights, with and without replay.
//!
//!   old loss = (w1 + w2 - 2)^2 / 2      new loss = (w2 - 4)^2 / 2
//!
//! The mixture of a fraction f of the old task:
//!
//!   loss = f * old loss + (1 - f) * new loss
//!
//! Nudge w1: only the old error, w1 + w2 - 2, moves with it. Nudge w2: both errors do.
//!
//! On paper: w = (2, 3) has the old error 3 and the new error -1. With f = 1/4 the gradient is
//! (3/4, 3/4 - 3/4) = (0.75, 0).

/// The old and the new loss.
pub fn losses(w: [f64; 2]) -> [f64; 2] {
    // SOLUTION
    let (old, new) = (w[0] + w[1] - 2.0, w[1] - 4.0);
    [0.5 * old * old, 0.5 * new * new]
    // STUB
    // todo!()
    // END
}

/// The gradient of the mixture: its derivatives for w1 and for w2.
pub fn gradient(w: [f64; 2], f: f64) -> [f64; 2] {
    // SOLUTION
    let (old, new) = (w[0] + w[1] - 2.0, w[1] - 4.0);
    [f * old, f * old + (1.0 - f) * new]
    // STUB
    // todo!()
    // END
}

/// The weights after some steps of gradient descent from `w`. All derivatives of a step are those of
/// the weights before it.
pub fn descend(w: [f64; 2], f: f64, rate: f64, steps: usize) -> [f64; 2] {
    // SOLUTION
    let mut w = w;
    for _ in 0..steps {
        let g = gradient(w, f);
        w = [w[0] - rate * g[0], w[1] - rate * g[1]];
    }
    w
    // STUB
    // todo!()
    // END
}

/// The weights at the part `a` of the straight line from `old` to `new`: `old` for a = 0.
pub fn average(a: f64, old: [f64; 2], new: [f64; 2]) -> [f64; 2] {
    // SOLUTION
    [0, 1].map(|i| (1.0 - a) * old[i] + a * new[i])
    // STUB
    // todo!()
    // END
}
