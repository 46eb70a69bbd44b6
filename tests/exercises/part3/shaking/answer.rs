//! Why shrink the learning rate? An experiment.
//!
//! Two hundred weights stand at 1 and belong at 0: the loss is the mean of w². Each step sees
//! only a small batch. So the gradient of each weight is w plus noise, as large on average as a
//! whole weight. The steps are those of gradient descent: w - rate · (w + noise). The noise is
//! the same in every run.
//!
//! Run the check: it prints the loss at some steps, with the rate that stands below, first
//! constant, then with a decay along half a cosine wave to a hundredth. Set RATE to 0.4, then
//! 0.2, 0.1, 0.05, and note at which height each constant rate ends. Set STEPS to 20, and back.
//! Then replace the `todo!()`s.

/// The learning rate at the beginning.
pub const RATE: f64 = 0.4;

/// How many steps the run has.
pub const STEPS: usize = 2000;

/// With 2000 steps the constant rate ends at some height, the mean of its last tenth. With half
/// the rate it ends at which part of this height, about? Answer with one decimal, such as 0.3.
/// (Compare 0.2 with 0.1, and 0.1 with 0.05.)
pub fn half_the_rate() -> f64 {
    // SOLUTION
    0.5
    // STUB
    // todo!()
    // END
}

/// Take RATE 0.1. Which is lower at the end, the constant rate ('c') or the decay ('d'), with
/// 20 steps?
pub fn lower_after_20() -> char {
    // SOLUTION
    'c'
    // STUB
    // todo!()
    // END
}

/// And with 2000 steps?
pub fn lower_after_2000() -> char {
    // SOLUTION
    'd'
    // STUB
    // todo!()
    // END
}

/// Why?
///
/// - 'a': a smaller rate is always better, it only takes longer to type.
/// - 'b': far from the floor long steps are faster; near it they jump about at a height that
///   depends on their length, and short steps come lower.
/// - 'c': the noise becomes smaller during a run, and the rate must follow it.
/// - 'd': with a constant rate the loss grows without limit in the end.
pub fn why() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}
