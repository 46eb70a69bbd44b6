//! What `gradient` and `step` are asked.

use super::answer::{gradient, step};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("gradient", |p| {
        p.see(
            "gradient at w = (1, 0), x = (2, 1), target 5",
            gradient(&[1.0, 0.0], &[2.0, 1.0], 5.0),
        );
        let (w, x) = ([0.5, -1.0, 2.0], [1.0, 3.0, -2.0]);
        p.see("gradient of three weights", gradient(&w, &x, 1.0));
    });
    p.part("step", |p| {
        let mut w = vec![1.0, 0.0];
        step(&mut w, &[2.0, 1.0], 5.0, 0.05);
        p.see("(1, 0) after a step with the learning rate 0.05", w.clone());
        for _ in 0..4 {
            step(&mut w, &[2.0, 1.0], 5.0, 0.05);
        }
        p.see("and after four more", w);
        let mut w = vec![1.0, 0.0];
        step(&mut w, &[2.0, 1.0], 5.0, 0.1);
        p.see("(1, 0) after a step with the learning rate 0.1, which lands in the valley", w);
        let mut w = vec![0.5, -1.0, 2.0];
        step(&mut w, &[1.0, 3.0, -2.0], 1.0, 0.02);
        p.see("three weights after a step", w);
        let mut w = vec![3.0];
        step(&mut w, &[2.0], 1.0, 0.1);
        p.see("a single weight after a step", w);
    });
}
