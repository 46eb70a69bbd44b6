//! What is guessed in `logarithms`, and what the machine computes.

use super::answer::{
    bits_of_the_text, log2_of_one_32nd, slope_of_exp_of_three_x, slope_of_ln_of_the_square,
    times_as_large,
};
use exercises::probe::Probe;

/// The slope at x by a nudge to both sides, rounded to six places.
fn slope(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    let h = 1e-5;
    ((f(x + h) - f(x - h)) / (2.0 * h) * 1e6).round() / 1e6
}

pub fn probe(p: &mut Probe) {
    p.part("log2_of_one_32nd", |p| {
        let truth = (1.0f64 / 32.0).log2().round() as i64;
        p.predict("the logarithm of 1/32 to the base 2", log2_of_one_32nd(), truth);
    });
    p.part("bits_of_the_text", |p| {
        let bits: f64 = (0..100).map(|_| -(0.125f64.log2())).sum();
        p.predict("the bits of the text", bits_of_the_text(), bits.round() as i64);
    });
    p.part("times_as_large", |p| {
        let factor = (1.0 + 3.0 * 2f64.ln()).exp() / 1f64.exp();
        p.predict("how many times as large exp becomes", times_as_large(), factor.round() as i64);
    });
    p.part("slope_of_ln_of_the_square", |p| {
        let truth = slope(|x| (x * x).ln(), 2.0);
        p.predict("the slope of ln(x^2) at 2", slope_of_ln_of_the_square(), truth);
    });
    p.part("slope_of_exp_of_three_x", |p| {
        let truth = slope(|x| (3.0 * x).exp(), 0.0);
        p.predict("the slope of exp(3x) at 0", slope_of_exp_of_three_x(), truth);
    });
}
