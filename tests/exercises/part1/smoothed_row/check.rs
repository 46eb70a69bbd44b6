//! What `smoothed_row` is asked.

use super::answer::{k_for_one_half, s_after_i, s_after_i_smoothed, zeros};
use exercises::probe::Probe;
use stage01_bigram::bigram::CountedBigram;
use stage01_bigram::tokenizer::CharTokenizer;

/// The counted model of mississippi.
fn model(k: f64) -> CountedBigram {
    let tokens = CharTokenizer::train("mississippi").and_then(|t| t.encode("mississippi"));
    let model = tokens.and_then(|tokens| CountedBigram::count(&tokens, 4, k));
    model.expect("the word is in its own vocabulary")
}

/// The tokens i, m, p, s are 0, 1, 2, 3.
fn probability(k: f64, a: u32, b: u32) -> f64 {
    model(k).probability(a, b).expect("both tokens exist")
}

pub fn probe(p: &mut Probe) {
    p.part("s_after_i", |p| {
        p.predict("p(s | i) in mississippi", s_after_i(), probability(0.0, 0, 3));
    });
    p.part("s_after_i_smoothed", |p| {
        p.predict("p(s | i) with k = 1", s_after_i_smoothed(), probability(1.0, 0, 3));
    });
    p.part("zeros", |p| {
        let pairs = (0..4).flat_map(|a| (0..4).map(move |b| (a, b)));
        let truth = pairs.filter(|&(a, b)| probability(0.0, a, b) == 0.0).count();
        p.predict("entries with probability 0", zeros(), truth);
    });
    p.part("k_for_one_half", |p| {
        // The probability falls as k grows. So the k is found by halving an interval.
        let (mut low, mut high) = (0.0, 100.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if probability(middle, 0, 3) > 0.5 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let guess = k_for_one_half();
        if guess.is_finite() && guess >= 0.0 {
            let found = probability(guess, 0, 3);
            p.rule((found - 0.5).abs() < 1e-9, || {
                format!(
                    "with k = {guess} p(s | i) is {found:.4}, and must be 0.5: write the fraction \
                     with the letter k, set it equal to one half, and solve for k"
                )
            });
        }
        p.predict("the k for p(s | i) = 0.5", guess, low);
    });
}
