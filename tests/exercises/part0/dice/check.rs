//! What is guessed in `dice`, and what the machine finds by counting all cases.

use super::answer::{
    at_least_one_head, expected_larger, four_given_one, one_given_four, sum_is_four, three_heads,
};
use exercises::probe::Probe;

/// How many of the 36 throws of two dice are such.
fn throws(such: impl Fn(u32, u32) -> bool) -> f64 {
    let all = (1..=6).flat_map(|a| (1..=6).map(move |b| (a, b)));
    all.filter(|&(a, b)| such(a, b)).count() as f64
}

/// The share of the eight results of three tosses that are such; each bit is a toss.
fn tosses(such: impl Fn(u32) -> bool) -> f64 {
    (0..8).filter(|&bits: &u32| such(bits.count_ones())).count() as f64 / 8.0
}

pub fn probe(p: &mut Probe) {
    p.part("three_heads", |p| {
        p.predict("the probability of three heads", three_heads(), tosses(|heads| heads == 3));
    });
    p.part("at_least_one_head", |p| {
        let truth = tosses(|heads| heads >= 1);
        p.predict("the probability of at least one head", at_least_one_head(), truth);
    });
    p.part("sum_is_four", |p| {
        let truth = throws(|a, b| a + b == 4) / 36.0;
        p.predict("the probability of the sum 4", sum_is_four(), truth);
    });
    p.part("one_given_four", |p| {
        let truth = throws(|a, b| a == 1 && a + b == 4) / throws(|a, b| a + b == 4);
        p.predict("the probability of 1 given the sum 4", one_given_four(), truth);
    });
    p.part("four_given_one", |p| {
        let truth = throws(|a, b| a == 1 && a + b == 4) / throws(|a, _| a == 1);
        p.predict("the probability of the sum 4 given 1", four_given_one(), truth);
    });
    p.part("expected_larger", |p| {
        let truth =
            (1..=6).map(|x| f64::from(x) * throws(|a, b| a.max(b) == x) / 36.0).sum::<f64>();
        p.predict("the expectation of the larger number", expected_larger(), truth);
    });
}
