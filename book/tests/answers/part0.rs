//! The numeric answers of part 0's quizzes, worked out with loops, nudges and counting.

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    members_of_a_slice,
    a_sum_of_squares,
    a_number_cut_by_as,
    a_dot_product,
    a_cosine_similarity,
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
/// The dot product of two lists, divided by both norms.
fn cosine(x: [f64; 2], w: [f64; 2]) -> f64 {
    let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
    dot(x, w) / (dot(x, x).sqrt() * dot(w, w).sqrt())
}
pub fn a_cosine_similarity() -> f64 {
    cosine([3.0, 4.0], [4.0, 3.0])
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

#[test]
fn numbers_on_paper() {
    // Vectors: dogs and bark.
    assert!((cosine([1.0, 2.0], [1.0, 3.0]) - 0.99).abs() < 5e-4);
    assert!((5f64.sqrt() - 2.24).abs() < 5e-3 && (10f64.sqrt() - 3.16).abs() < 5e-3);

    // Slopes: two central differences of a cube at 1, and what is made of them.
    let cube = |x: f64| x * x * x;
    let central = |h: f64| (cube(1.0 + h) - cube(1.0 - h)) / (2.0 * h);
    assert_eq!((central(1.0), central(2.0)), (4.0, 7.0));
    assert_eq!((4.0 * central(1.0) - central(2.0)) / 3.0, 3.0);
    let (near, far) = (cube(2.0) - cube(0.0), cube(3.0) - cube(-1.0));
    assert_eq!((8.0 * near - far) / 12.0, 3.0);
}
