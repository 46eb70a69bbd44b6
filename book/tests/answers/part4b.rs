//! The numeric answers of the quizzes of two chapters of part 4: the training loop, and mixed
//! precision.

use stage02_attention::matmul::bf16::round;

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    gradient_of_unequal_micro_batches,
    tokens_of_a_step,
    position_after_a_hundred,
    seconds_of_a_run,
    ten_and_a_bit,
    ones_in_bf16,
    lost_step_of_a_half,
];

/// Two tokens with the derivative 9 and ten with the derivative 3, all in one batch.
pub fn gradient_of_unequal_micro_batches() -> f64 {
    let derivatives = [[9.0; 2].as_slice(), [3.0; 10].as_slice()].concat();
    derivatives.iter().sum::<f64>() / derivatives.len() as f64
}

/// Five micro-batches of eight windows of 256 tokens.
pub fn tokens_of_a_step() -> f64 {
    f64::from(8 * 256 * 5)
}

/// The windows that a hundred steps have read, counted one by one.
pub fn position_after_a_hundred() -> f64 {
    let mut position = 0.0;
    for _step in 0..100 {
        for _window in 0..16 {
            position += 1.0;
        }
    }
    position
}

/// 10^9 tokens at half of 100 TFLOP/s.
pub fn seconds_of_a_run() -> f64 {
    1e9 * 600e6 / (100e12 * 0.5)
}

/// 10 + 1/32 in bf16.
pub fn ten_and_a_bit() -> f64 {
    f64::from(round(10.0 + 1.0 / 32.0))
}

/// Where adding ones ends in bf16.
pub fn ones_in_bf16() -> f64 {
    let (mut sum, mut before) = (1.0f32, 0.0);
    while sum != before {
        (before, sum) = (sum, round(sum + 1.0));
    }
    f64::from(sum)
}

/// The smallest power of two by which a weight of 0.5 in bf16 can grow, as its exponent below
/// zero.
pub fn lost_step_of_a_half() -> f64 {
    let moves = |k: &i32| round(0.5 + 2f32.powi(-k)) != 0.5;
    f64::from((1..20).take_while(moves).last().expect("a large step moves it"))
}
