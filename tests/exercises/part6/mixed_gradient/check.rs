//! What `mixed_gradient` is asked.

use super::answer::{average, descend, gradient, losses};
use exercises::probe::Probe;

const PLACES: [[f64; 2]; 3] = [[2.0, 0.0], [2.0, 3.0], [-1.0, 0.5]];

/// The loss of the mixture, written down here once more.
fn mixture([w1, w2]: [f64; 2], f: f64) -> f64 {
    0.5 * (f * (w1 + w2 - 2.0).powi(2) + (1.0 - f) * (w2 - 4.0).powi(2))
}

pub fn probe(p: &mut Probe) {
    p.part("losses", |p| {
        for w in PLACES {
            p.see(format!("the old and the new loss at {w:?}"), losses(w).to_vec());
        }
    });
    p.part("gradient", |p| {
        for (w, f) in PLACES.into_iter().flat_map(|w| [(w, 0.25), (w, 0.0)]) {
            let found = gradient(w, f);
            for i in [0, 1] {
                let moved = |by: f64| {
                    let mut w = w;
                    w[i] += by;
                    mixture(w, f)
                };
                let nudged = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                p.rule((found[i] - nudged).abs() < 1e-6, || {
                    format!(
                        "at {w:?} and f = {f}, the derivative for w{} is {}; nudging it gives \
                         {nudged:.4}",
                        i + 1,
                        found[i]
                    )
                });
            }
            p.see(format!("the gradient at {w:?}, f = {f}"), found.to_vec());
        }
    });
    p.part("descend", |p| {
        for (f, rate, steps) in [(0.25, 1.0, 1), (0.25, 1.0, 2), (0.0, 0.5, 3), (0.25, 1.0, 0)] {
            let found = descend([2.0, 0.0], f, rate, steps);
            p.see(format!("f = {f}, rate {rate}, {steps} steps"), found.to_vec());
        }
    });
    p.part("average", |p| {
        for a in [0.0, 0.25, 1.0] {
            p.see(format!("a = {a}"), average(a, [2.0, 0.0], [6.0, 4.0]).to_vec());
        }
    });
}
