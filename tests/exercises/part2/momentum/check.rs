//! What `step` and `falling_rate` are asked.

use super::answer::{falling_rate, step};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("step", |p| {
        let (mut w, mut u) = ([0.0], [0.0]);
        for count in 1..=3 {
            step(&mut w, &mut u, &[1.0], 0.5);
            p.see(format!("the weight after {count} steps with the gradient 1"), w[0]);
            p.see(format!("the velocity after {count} steps with the gradient 1"), u[0]);
        }
        for _ in 0..200 {
            step(&mut w, &mut u, &[1.0], 0.5);
        }
        let velocity = u[0];
        p.rule((velocity - 10.0).abs() < 1e-3, || {
            format!(
                "after two hundred steps with the gradient 1 the velocity is {velocity:.4}, and \
                 it must have grown to 10, where u = 0.9 u + 1 leaves it as it is"
            )
        });
        // A rate that changes, and gradients that do.
        let (mut w, mut u) = ([1.0, -2.0, 3.0], [0.5, 0.0, -1.0]);
        for (count, rate) in [0.5, 0.1, 0.02].into_iter().enumerate() {
            let g = [1.0, -0.5, 0.25].map(|g| g * (count as f64 + 1.0));
            step(&mut w, &mut u, &g, rate);
            p.see(format!("three weights after step {count}, rate {rate}"), &w[..]);
            p.see(format!("their velocities after step {count}"), &u[..]);
        }
    });

    p.part("falling_rate", |p| {
        for (iter, steps) in [(0, 3000), (300, 3000), (1500, 3000), (2999, 3000), (0, 1), (1, 4)] {
            let rate = falling_rate(0.5, iter, steps);
            p.rule(rate > 0.0, || {
                format!(
                    "step {iter} of {steps} has the rate {rate}, and every step must have one \
                     above zero. Is iter / steps a division of whole numbers in your code? Such a \
                     division drops what is behind the point"
                )
            });
            p.see(format!("the rate of step {iter} of {steps}, from 0.5 on"), rate);
        }
    });
}
