//! The walks of `step_size`, and what is asked of it.

use super::answer::{RATES, X, bounces_at, lands_at, with_doubled_inputs};
use exercises::probe::Probe;

/// The losses of a walk from (0, 0) to the target 10.
fn walk(rate: f64) -> Vec<f64> {
    let mut w = [0.0, 0.0];
    let error = |w: &[f64; 2]| X[0] * w[0] + X[1] * w[1] - 10.0;
    let mut losses = vec![error(&w).powi(2)];
    for _ in 0..10 {
        let l_by_y = 2.0 * error(&w);
        for i in 0..2 {
            w[i] -= rate * l_by_y * X[i];
        }
        losses.push(error(&w).powi(2));
    }
    losses
}

pub fn probe(p: &mut Probe) {
    p.note(format!("The inputs are {X:?}. The loss after 0, 1, 2, 3, 10 steps:"));
    p.note(format!("{:>9}{:>12}{:>12}{:>12}{:>12}{:>12}", "rate", 0, 1, 2, 3, 10));
    for rate in RATES {
        let losses = walk(rate);
        let shown = [0, 1, 2, 3, 10].map(|i| match losses[i] {
            large if large >= 1e6 => format!("{large:>12.2e}"),
            loss => format!("{loss:>12.4}"),
        });
        p.note(format!("{rate:>9}{}", shown.concat()));
    }
    p.note("");
    p.part("lands_at", |p| p.see("the rate that lands in the valley", lands_at()));
    p.part("bounces_at", |p| p.see("the rate at which the loss bounces", bounces_at()));
    p.part("with_doubled_inputs", |p| p.see("with doubled inputs", with_doubled_inputs()));
}
