//! What `gradient` and `slope_on_two_ways` are asked.

use super::answer::{gradient, slope_on_two_ways};
use exercises::probe::Probe;

/// The slope at x, by central differences with h and 2h.
fn nudged(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    let h = 1e-3;
    (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h)
}

fn agree(rule: f64, nudge: f64) -> bool {
    (rule - nudge).abs() <= 1e-6 * rule.abs().max(nudge.abs()).max(1.0)
}

pub fn probe(p: &mut Probe) {
    p.part("gradient", |p| {
        let loss = |w: [f64; 2], x: f64, target: f64| {
            let u = w[0] * x + w[1];
            (u * u - target).powi(2)
        };
        for (w, x, target) in [
            ([1.0, 1.0], 2.0, 7.0),
            ([0.5, -2.0], 3.0, 1.0),
            ([-1.0, 0.5], 1.0, 4.0),
            ([1.5, 0.0], -2.0, 5.0),
            ([2.0, 1.0], 0.0, 3.0),
        ] {
            let found = gradient(w, x, target);
            p.see(format!("gradient for w = {w:?}, x = {x}, target {target}"), found.to_vec());
            let nudges = [
                nudged(|w0| loss([w0, w[1]], x, target), w[0]),
                nudged(|w1| loss([w[0], w1], x, target), w[1]),
            ];
            for i in 0..2 {
                p.rule(agree(found[i], nudges[i]), || {
                    format!(
                        "for w = {w:?}, x = {x}, target {target} your slope for w[{i}] is {:.4}, \
                         and a nudge of w[{i}] says {:.4}. Is every leg of the relay a factor?",
                        found[i], nudges[i]
                    )
                });
            }
        }
    });
    p.part("slope_on_two_ways", |p| {
        let loss = |w: f64, x: f64, target: f64| (w * x + w * w - target).powi(2);
        for (w, x, target) in [(1.0, 3.0, 6.0), (-0.5, 4.0, 1.0), (3.0, 0.0, 8.0), (0.0, 2.5, 1.5)]
        {
            let found = slope_on_two_ways(w, x, target);
            p.see(format!("slope for w = {w}, x = {x}, target {target}"), found);
            let nudge = nudged(|w| loss(w, x, target), w);
            p.rule(agree(found, nudge), || {
                format!(
                    "for w = {w}, x = {x}, target {target} your slope is {found:.4}, and a nudge \
                     of w says {nudge:.4}. On how many ways does w reach y?"
                )
            });
        }
    });
}
