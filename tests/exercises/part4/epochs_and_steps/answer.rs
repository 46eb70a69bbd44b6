//! Micro-batches, steps, epochs and the position, on paper. Replace each `todo!()` by a whole
//! number.
//!
//! A text has 1,000,001 tokens, and a window has 100 (and 100 targets, one token later).
//! Windows do not overlap. A micro-batch has 8 windows, and a step 5 micro-batches.

/// How many tokens does a step read?
pub fn tokens_of_a_step() -> usize {
    // SOLUTION
    5 * 8 * 100
    // STUB
    // todo!()
    // END
}

/// How many steps has an epoch?
pub fn steps_of_an_epoch() -> usize {
    // SOLUTION
    10_000 / 40
    // STUB
    // todo!()
    // END
}

/// After 300 steps: how many windows of the second epoch have been read?
pub fn into_the_second_epoch() -> usize {
    // SOLUTION
    300 * 40 - 10_000
    // STUB
    // todo!()
    // END
}

/// After these 300 steps the run moves to a smaller machine: 4 windows in a micro-batch, and
/// still 5 micro-batches. It takes 100 more steps. At which position is it, counted in windows
/// from the beginning of the run?
pub fn position() -> usize {
    // SOLUTION
    300 * 40 + 100 * 20
    // STUB
    // todo!()
    // END
}
