//! What a gradient check is asked.

use super::answer::{largest_error, nudged};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("nudged", |p| {
        let mut calls = 0;
        let found = nudged(&[3.0, 5.0], 0.5, &mut |w| {
            calls += 1;
            w[0] * w[1]
        });
        p.see("w[0] * w[1] at (3, 5), h = 0.5", found);
        p.see("how often the loss was computed", calls);
        let cube = nudged(&[2.0], 0.5, &mut |w| w[0] * w[0] * w[0]);
        p.see("the cube of w at 2, h = 0.5", cube);
        let w: Vec<f64> = (0..6).map(|i| (i * i % 7) as f64 / 3.0 - 0.5).collect();
        let mut loss = |w: &[f64]| w.windows(2).map(|w| (w[0] * w[1]).exp() * w[1]).sum::<f64>();
        let found = nudged(&w, 1e-4, &mut loss);
        p.rule(found.len() == w.len(), || {
            format!("{} derivatives came back for {} weights", found.len(), w.len())
        });
        // The rounding of the loss is divided by h, so its last digits say nothing.
        let rounded: Vec<f64> = found.iter().map(|d| (d * 1e7).round() / 1e7).collect();
        p.see("six weights, h = 0.0001, to seven digits", rounded);
    });

    p.part("largest_error", |p| {
        let errors = [
            (vec![5.0, 6.0], vec![5.0, 3.0]),
            (vec![5.0, 3.0], vec![5.0, 6.0]),
            (vec![-2.0, 1.0], vec![2.0, 1.0]),
            (vec![1.0, 1e-12], vec![1.01, -1e-12]),
            (vec![-4.0, -3.0, 0.1], vec![-4.0, -3.0, 0.2]),
            (vec![-4.0], vec![-5.0]),
            (vec![0.0], vec![0.0]),
        ];
        for (a, n) in errors {
            let found = largest_error(&a, &n, 1e-4);
            p.see(format!("the gradient {a:?} against the nudges {n:?}"), found);
        }
    });
}
