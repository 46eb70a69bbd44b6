//! The numeric answers of the quizzes about rotary positions, grouped queries, and what each part
//! brings.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use stage03_gpt::plain::llama::grouped::kv_head;
use stage03_gpt::plain::llama::rotary::{frequencies, turn};

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    first_number_after_three_quarters,
    score_at_the_same_distance,
    second_frequency_of_four_columns,
    kv_head_of_thirteen,
    bytes_per_token_of_eight_heads,
    weights_of_grouped_c_attn,
    gradient_of_a_shared_key,
    steps_in_equal_time,
    units_for_saved_weights,
    standard_error_of_two_groups,
];

/// (4, 1) after three quarter turns.
pub fn first_number_after_three_quarters() -> f64 {
    turn([4.0, 1.0], 3.0 * std::f64::consts::FRAC_PI_2)[0]
}

/// Two places are moved on by 1,000: the angle between the turns of query and key stays.
pub fn score_at_the_same_distance() -> f64 {
    let (q, k) = ([1.5, 0.5], [1.0, 2.0]);
    let score = |i: f64, j: f64| {
        let (q, k): ([f64; 2], [f64; 2]) = (turn(q, i), turn(k, j));
        q[0] * k[0] + q[1] * k[1]
    };
    2.5 * score(1009.0, 1004.0) / score(9.0, 4.0)
}

/// Theta to the power of -2 c / d.
pub fn second_frequency_of_four_columns() -> f64 {
    frequencies(4, 1e4)[1]
}

/// Groups of four stand side by side.
pub fn kv_head_of_thirteen() -> f64 {
    kv_head(13, 32, 8) as f64
}

/// A key and a value of 8 heads in each block.
pub fn bytes_per_token_of_eight_heads() -> f64 {
    let (n_layer, n_kv_head, head_size) = (32, 8, 128);
    (2 * n_layer * n_kv_head * head_size * size_of::<u16>()) as f64
}

/// Columns of queries, of keys and of values.
pub fn weights_of_grouped_c_attn() -> f64 {
    let (n_embd, n_kv_head, head_size) = (512, 2, 64);
    (n_embd * (n_embd + 2 * n_kv_head * head_size)) as f64
}

/// What was used several times gets several gradients.
pub fn gradient_of_a_shared_key() -> f64 {
    [0.5, -0.2, 0.4].iter().sum()
}

/// The time of 800 steps of GPT-2, in steps that are a quarter longer.
pub fn steps_in_equal_time() -> f64 {
    800.0 / 1.25
}

/// A hidden unit of a gated layer has a vector in each of three matrices.
pub fn units_for_saved_weights() -> f64 {
    6144.0 / (3.0 * 128.0)
}

/// The variances of two means of four runs, added, and the root.
pub fn standard_error_of_two_groups() -> f64 {
    (0.0004f64 / 4.0 + 0.0012 / 4.0).sqrt()
}
