//! The numeric answers of the quizzes of part 3, second half, computed by the library that the
//! chapters explain.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use ndarray::ArrayView2;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::attention::cache::{Cache, Numbers};
use stage02_attention::attention::single_query;
use stage02_attention::dropout::Dropout;
use stage02_attention::params::{Init, Layout, Params};
use stage03_gpt::adamw::{AdamW, Moments};
use stage03_gpt::schedule::Schedule;

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    weight_after_a_first_step,
    average_after_four_and_zero,
    six_after_clipping,
    numbers_for_each_weight,
    rate_in_step_three,
    rate_half_way,
    micro_batches_of_twelve,
    scale_of_one_fifth,
    mean_of_dropped_four_and_eight,
    third_token_finds,
    rows_of_a_hundred,
    numbers_in_a_cache,
    rows_with_a_context_shift_of_sixteen,
    bytes_of_a_million_weights,
    numbers_in_the_state,
    operations_of_five_by_five,
    limit_of_writing,
    left_at_half,
    parts_of_a_hundred_and_one,
];

/// The settings of the default run, without decay.
const ADAM: AdamW = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0, grad_clip: 1.0 };

/// A weight of 1 after steps with these gradients and the learning rate 0.01, and its average
/// gradient.
fn after(gradients: &[f64]) -> (f64, f64) {
    let mut layout = Layout::new();
    layout.scope("a").matrix("weight", 1, 1, Init::Ones);
    let (mut weights, mut moments) = (Params { values: vec![1.0] }, Moments::new(&layout));
    for (t, &g) in (1..).zip(gradients) {
        let mut gradient = Params { values: vec![g] };
        ADAM.step(t, 0.01, 1.0, &layout, &mut weights, &mut gradient, &mut moments);
    }
    (weights.values[0], moments.m.values[0])
}

/// A weight of 1 with the gradient 250, after one step.
pub fn weight_after_a_first_step() -> f64 {
    digits(after(&[250.0]).0, 4)
}

/// The average gradient after a gradient of 4 and one of 0.
pub fn average_after_four_and_zero() -> f64 {
    digits(after(&[4.0, 0.0]).1, 4)
}

/// The first number of the gradient (6, 8), clipped to 1.
pub fn six_after_clipping() -> f64 {
    digits(6.0 * ADAM.clip_factor(10.0), 4)
}

/// How many numbers AdamW keeps for each weight: itself, its gradient and two averages.
pub fn numbers_for_each_weight() -> f64 {
    let mut layout = Layout::new();
    layout.scope("a").matrix("weight", 1, 1, Init::Ones);
    let (weights, gradient) = (Params::<f64>::zeros(&layout), Params::<f64>::zeros(&layout));
    let moments = Moments::<f64>::new(&layout);
    let all = [&weights, &gradient, &moments.m, &moments.v];
    all.iter().map(|numbers| numbers.values.len()).sum::<usize>() as f64
}

/// A schedule like that of the chapter's example for paper, with other numbers.
const SCHEDULE: Schedule =
    Schedule { learning_rate: 0.02, min_lr: 0.002, warmup_iters: 9, lr_decay_iters: 29 };

/// Its rate in step 3, in the warm-up.
pub fn rate_in_step_three() -> f64 {
    digits(SCHEDULE.at(3), 6)
}

/// Its rate in step 19, half way down.
pub fn rate_half_way() -> f64 {
    digits(SCHEDULE.at(19), 6)
}

/// How many micro-batches of 12 windows make 48.
pub fn micro_batches_of_twelve() -> f64 {
    48.0 / 12.0
}

/// What dropout multiplies by, with this probability of dropping.
fn scale(p: f64) -> f64 {
    let mut keep = [0.0f64; 64];
    let dropout = Dropout::new(p).expect("a probability");
    dropout.draw(&mut keep, &mut generator(1, Purpose::Dropout, 0));
    keep.into_iter().fold(0.0, f64::max)
}

/// What dropout with p = 0.2 multiplies by.
pub fn scale_of_one_fifth() -> f64 {
    digits(scale(0.2), 6)
}

/// The expectation of the sum of 4 and 8 after dropout with p = 1/2, over the four cases.
pub fn mean_of_dropped_four_and_eight() -> f64 {
    let keep = scale(0.5);
    [0.0, 4.0, 8.0, 12.0].map(|sum| keep * sum / 4.0).iter().sum()
}

/// The result of a query of 1 for the keys ln 3, 0, ln 4 with the values 8, 16, 2.
pub fn third_token_finds() -> f64 {
    let (keys, values) = ([3f64.ln(), 0.0, 4f64.ln()], [8.0, 16.0, 2.0]);
    let column = |x| ArrayView2::from_shape((3, 1), x).expect("three numbers");
    let mut cache = Cache::new(Numbers::Full, 3, (1, 1));
    cache.write(0, column(&keys), column(&values));
    let (mut space, mut y) = (vec![0.0; single_query::scratch_len(1, 3, 1)], [0.0]);
    single_query::forward(1, &[1.0], (&cache, 3), &mut space, &mut y);
    digits(y[0], 9)
}

/// How many rows 100 tokens cost without a cache.
pub fn rows_of_a_hundred() -> f64 {
    (1..=100).sum::<u32>().into()
}

/// How many numbers the cache of 4 blocks, 64 tokens and an embedding width of 128 has.
pub fn numbers_in_a_cache() -> f64 {
    let (keys, values) = (64 * 128, 64 * 128);
    f64::from(4 * (keys + values))
}

/// Rows per token in a full context of 64 with a context shift of 16.
pub fn rows_with_a_context_shift_of_sixteen() -> f64 {
    let (rows, tokens) = ((64 - 16 + 1) + (16 - 1), 16);
    f64::from(rows) / f64::from(tokens)
}

/// The size of a file of a million weights, with a head of 2,000 bytes.
pub fn bytes_of_a_million_weights() -> f64 {
    (8 + 2000 + size_of::<f32>() * 1_000_000) as f64
}

/// How many numbers the state of a run keeps for each weight: all but the gradient.
pub fn numbers_in_the_state() -> f64 {
    numbers_for_each_weight() - 1.0
}

/// Multiplications and additions of a product of two matrices of 5 by 5.
pub fn operations_of_five_by_five() -> f64 {
    let (results, products) = (5 * 5, 5);
    f64::from(2 * results * products)
}

/// Tokens per second at most, with 500 million weights and 20 gigabytes per second.
pub fn limit_of_writing() -> f64 {
    20e9 / (500e6 * size_of::<f32>() as f64)
}

/// How many times faster at most, at a utilisation of one half.
pub fn left_at_half() -> f64 {
    1.0 / 0.5
}

/// Into how many parts 101 pieces are cut for two threads, when half is rounded up. Rounded down it
/// is two.
pub fn parts_of_a_hundred_and_one() -> f64 {
    let (pieces, threads) = (101_usize, 2);
    assert_eq!(pieces / (pieces / threads), 2);
    (pieces / pieces.div_ceil(threads)) as f64
}

/// Rounded to this number of digits after the point.
fn digits(x: f64, n: i32) -> f64 {
    let scale = 10f64.powi(n);
    (x * scale).round() / scale
}
