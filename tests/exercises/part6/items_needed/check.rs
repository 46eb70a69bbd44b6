//! What `items_needed` is asked.

use super::answer::{error_of_80_of_100, error_of_a_difference, items_for_one_percent, six_of_six};
use exercises::probe::Probe;

/// The standard error, from the deviations of n numbers of which so many are 1 and the others 0.
fn error(right: usize, n: usize) -> f64 {
    let p = right as f64 / n as f64;
    let square = (0..n).map(|i| if i < right { 1.0 - p } else { p }).map(|d| d * d).sum::<f64>();
    (square / n as f64 / n as f64).sqrt()
}

/// Rounded to some digits behind the point.
fn rounded(x: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    (unit * x).round() / unit
}

pub fn probe(p: &mut Probe) {
    p.part("error_of_80_of_100", |p| {
        let guess = rounded(error_of_80_of_100(), 2);
        p.predict("the standard error", guess, rounded(error(80, 100), 2));
    });
    p.part("items_for_one_percent", |p| {
        let enough = |n: &usize| error(8 * n / 10, *n) <= 0.01 + 1e-9;
        let truth = (10..10_000).step_by(10).find(enough).unwrap_or(0);
        p.predict("the number of items", items_for_one_percent(), truth);
    });
    p.part("error_of_a_difference", |p| {
        let guess = rounded(error_of_a_difference(), 3);
        p.predict("the standard error", guess, rounded(0.04f64.hypot(0.04), 3));
    });
    p.part("six_of_six", |p| {
        let same = (0u32..64).filter(|outcome| [0, 6].contains(&outcome.count_ones())).count();
        p.predict("the probability", rounded(six_of_six(), 5), rounded(same as f64 / 64.0, 5));
    });
}
