//! Experiment: the length of a step.
//!
//! A table of zeros learns the bigrams of abracadabra by gradient descent, with all ten
//! examples in every step, as in the chapter's walk. The check prints the loss after some
//! steps, for the rate that stands here. The uniform baseline is ln 5 = 1.609, and the floor is
//! 0.416.
//!
//! Guess first: is the rate with the lowest loss after one step also the best after a hundred?
//! Then try 1, 3, 10, 20, 30 and 100, one after the other, and write down what came out.

/// The learning rate. Change it, and run the check again.
pub const RATE: f64 = 1.0;

/// Of 1, 3, 10, 20, 30 and 100: the rate with the lowest loss after one step.
pub fn best_after_one_step() -> f64 {
    // SOLUTION
    20.0
    // STUB
    // todo!()
    // END
}

/// Of the same six: the rate with the lowest loss after a hundred steps.
pub fn best_after_a_hundred() -> f64 {
    // SOLUTION
    10.0
    // STUB
    // todo!()
    // END
}

/// Of the same six: the smallest rate whose loss after a hundred steps is above that of the
/// uniform baseline.
pub fn worse_than_nothing() -> f64 {
    // SOLUTION
    100.0
    // STUB
    // todo!()
    // END
}

/// Rate 20 falls to 0.622 in its first step. Then it goes up and down, and after a hundred
/// steps it is still above that. Why?
///
/// - 'a': It has reached the floor, and below the floor there is nothing.
/// - 'b': Its steps pass the bottom of the valley, and the next step comes back.
/// - 'c': The table has learned the word by heart: overfitting.
/// - 'd': The gradient has become so small that the steps no longer move anything.
pub fn why() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}
