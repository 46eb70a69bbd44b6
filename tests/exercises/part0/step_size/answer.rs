//! An experiment: how long may a step downhill be?
//!
//! The model is y = x . w with the inputs X below. The target is 10, the weights begin at (0,
//! 0), and the loss is (y - 10)^2 = 100. The check walks ten steps with each of the learning
//! rates and prints the losses. Change RATES, run it again, and look for two rates:
//!
//!   lands_at     the rate with which the first step lands in the valley: the loss is 0 at once
//!   bounces_at   the rate with which the loss neither falls nor rises
//!
//! Both are round numbers. Then double the inputs: X = [6.0, 2.0]. What happens to the rate at
//! which the loss bounces? Try it, and choose:
//!
//!   'a'  it stays: the length of a step depends on the rate alone
//!   'b'  it becomes twice as large: larger inputs need larger steps
//!   'c'  it becomes half as large: the slopes are twice as large
//!   'd'  it becomes a quarter: slopes are twice as large, and a weight moves y twice as far
//!
//! Put X back to [3.0, 1.0] before you answer the first two.

/// The inputs of the model.
pub const X: [f64; 2] = [3.0, 1.0];

/// The learning rates that are tried.
pub const RATES: [f64; 4] = [0.01, 0.02, 0.04, 0.08];

/// The learning rate with which one step lands in the valley, for X = [3.0, 1.0].
pub fn lands_at() -> f64 {
    // SOLUTION
    0.05
    // STUB
    // todo!()
    // END
}

/// The learning rate with which the loss stays at 100, for X = [3.0, 1.0].
pub fn bounces_at() -> f64 {
    // SOLUTION
    0.1
    // STUB
    // todo!()
    // END
}

/// What happens to `bounces_at` when the inputs are doubled: 'a', 'b', 'c' or 'd'.
pub fn with_doubled_inputs() -> char {
    // SOLUTION
    'd'
    // STUB
    // todo!()
    // END
}
