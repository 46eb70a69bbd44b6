//! What `learning_rates` is asked.

use super::answer::{RATE, best_after_a_hundred, best_after_one_step, why, worse_than_nothing};
use exercises::probe::Probe;
use stage01_bigram::bigram::LearnedBigram;

const ABRACADABRA: [u32; 11] = [0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0];

const RATES: [f64; 6] = [1.0, 3.0, 10.0, 20.0, 30.0, 100.0];

/// The loss before the first step and after each of a hundred.
fn walk(rate: f64) -> Vec<f64> {
    let mut model = LearnedBigram::<f64>::new(5).expect("five tokens");
    let (inputs, targets) = (&ABRACADABRA[..10], &ABRACADABRA[1..]);
    (0..=100).map(|_| model.step(inputs, targets, rate).expect("tokens that exist")).collect()
}

/// The rate whose walk has the lowest loss at this step.
fn best(step: usize) -> f64 {
    let loss = |rate: f64| walk(rate)[step];
    RATES.into_iter().min_by(|&a, &b| loss(a).total_cmp(&loss(b))).expect("six rates")
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        p.note(format!("learning rate {RATE}"));
        p.note(format!("{:>6}{:>10}", "steps", "loss"));
        let losses = walk(RATE);
        for step in [0, 1, 2, 3, 4, 5, 10, 20, 50, 99, 100] {
            p.note(format!("{step:>6}{:>10.4}", losses[step]));
        }
    }
    p.part("best_after_one_step", |p| {
        p.predict("the best rate after one step", best_after_one_step(), best(1));
    });
    p.part("best_after_a_hundred", |p| {
        p.predict("the best rate after a hundred steps", best_after_a_hundred(), best(100));
    });
    p.part("worse_than_nothing", |p| {
        let worse = RATES.into_iter().find(|&rate| walk(rate)[100] > 5f64.ln());
        let truth = worse.expect("the largest rate jumps");
        p.predict("the smallest rate that ends above ln 5", worse_than_nothing(), truth);
    });
    p.part("why", |p| p.see("why", why()));
}
