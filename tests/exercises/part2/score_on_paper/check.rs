//! What the predictions are held to: all ways in which the coins can fall.

use super::answer::{std_of_score, variance_of_dot, variance_of_product, variance_with_two_coins};
use exercises::probe::Probe;

/// The mean square of the dot product of `d` numbers, over all ways in which the coins can fall.
/// `query` and `key` say which coin decides number c.
fn mean_square(d: usize, coins: usize, query: fn(usize) -> usize, key: fn(usize) -> usize) -> f64 {
    let side = |fall: usize, coin: usize| if fall >> coin & 1 == 1 { 1.0 } else { -1.0 };
    let score = |fall: usize| -> f64 {
        (0..d).map(|c| 2.0 * side(fall, query(c)) * 3.0 * side(fall, key(c))).sum()
    };
    let falls = 1 << coins;
    (0..falls).map(|fall| score(fall).powi(2)).sum::<f64>() / falls as f64
}

pub fn probe(p: &mut Probe) {
    p.part("variance_of_product", |p| {
        let truth = mean_square(1, 2, |_| 0, |_| 1);
        p.predict("the variance of one product", variance_of_product(), truth);
    });
    let dot = mean_square(4, 8, |c| c, |c| c + 4);
    p.part("variance_of_dot", |p| {
        p.predict("the variance of the dot product", variance_of_dot(), dot);
    });
    p.part("std_of_score", |p| {
        let truth = (dot / 4.0).sqrt();
        p.predict("the standard deviation of the score", std_of_score(), truth);
    });
    p.part("variance_with_two_coins", |p| {
        let truth = mean_square(4, 2, |_| 0, |_| 1);
        p.predict("the variance with two coins", variance_with_two_coins(), truth);
    });
}
