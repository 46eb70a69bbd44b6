//! The numeric answers of part 0's quizzes, worked out with loops, nudges and counting.

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    members_of_a_slice,
    a_sum_of_squares,
    a_number_cut_by_as,
    a_dot_product,
    how_many_multiplications,
    the_slope_of_a_square,
    slopes_add_up,
    a_relay,
    doublings_of_64,
    ln_of_a_product,
    the_slope_of_ln,
    twice_as_large,
    c_after_a,
    a_product_of_three,
    an_expected_length,
    how_many_draws,
];

/// How fast f rises at x, by a nudge to either side.
fn nudged(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    (f(x + 1e-4) - f(x - 1e-4)) / 2e-4
}

/// p(b | a) in abracadabra, by the first stage's own counting.
fn after(a: char, b: char) -> f64 {
    let place = |letter| "abcdr".find(letter).unwrap() as u32;
    let tokens: Vec<u32> = "abracadabra".chars().map(place).collect();
    let model = stage01_bigram::bigram::CountedBigram::count(&tokens, 5, 0.0).unwrap();
    model.probability(place(a), place(b)).unwrap()
}

pub fn members_of_a_slice() -> f64 {
    [1, 2, 3, 4, 5][1..4].len() as f64
}
pub fn a_sum_of_squares() -> f64 {
    [1.0, 2.0, 3.0].iter().map(|x| x * x).sum::<f64>()
}
pub fn a_number_cut_by_as() -> f64 {
    f64::from(258_u32 as u8)
}

pub fn a_dot_product() -> f64 {
    [2.0, -1.0, 3.0].iter().zip([1.0, 4.0, 0.0]).map(|(x, w)| x * w).sum()
}
pub fn how_many_multiplications() -> f64 {
    f64::from(128 * 2048)
}

pub fn the_slope_of_a_square() -> f64 {
    nudged(|x| x * x, -4.0)
}
pub fn slopes_add_up() -> f64 {
    nudged(|x| x * x + 5.0 * x, 2.0)
}
pub fn a_relay() -> f64 {
    let y = |w: f64| 3.0 * w;
    let loss = |y: f64| -2.0 * y;
    nudged(|w| loss(y(w)), 1.0)
}

pub fn doublings_of_64() -> f64 {
    64f64.log2()
}
pub fn ln_of_a_product() -> f64 {
    (2f64.exp() * 3f64.exp()).ln()
}
pub fn the_slope_of_ln() -> f64 {
    nudged(f64::ln, 4.0)
}
pub fn twice_as_large() -> f64 {
    2f64.ln()
}

pub fn c_after_a() -> f64 {
    after('a', 'c')
}
pub fn a_product_of_three() -> f64 {
    after('a', 'c') * after('c', 'a') * after('a', 'b')
}
pub fn an_expected_length() -> f64 {
    0.75 * 2.0 + 0.25 * 6.0
}
pub fn how_many_draws() -> f64 {
    // The typical error falls with the square root of the number of draws.
    100.0 * (0.2f64 / 0.1).powi(2)
}
