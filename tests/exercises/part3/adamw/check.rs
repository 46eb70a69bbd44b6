//! What `adamw` is asked.

use super::answer::{AdamW, step};
use exercises::probe::Probe;

const USUAL: AdamW = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1 };

pub fn probe(p: &mut Probe) {
    p.part("step", |p| {
        let (mut w, mut m, mut v) = (vec![1.0], vec![0.0], vec![0.0]);
        step(&USUAL, 0.01, 1, &mut w, &[4.0], &mut m, &mut v);
        p.see("m after the step of the example: g = 4", m);
        p.see("v after the step of the example: g = 4", v);
        p.see("w after the step of the example: w = 1, g = 4, lr 0.01, decay 0.1", w);

        let no_decay = AdamW { weight_decay: 0.0, ..USUAL };
        for g in [0.004, 4.0, -250.0] {
            let mut w = [1.0];
            step(&no_decay, 0.01, 1, &mut w, &[g], &mut [0.0], &mut [0.0]);
            let moved = 1.0 - w[0];
            p.rule((moved.abs() - 0.01).abs() < 1e-6, || {
                format!(
                    "the first step for the gradient {g} goes {moved} down, and with lr 0.01 \
                     and no decay it must be 0.01 long, whatever the gradient is: what are \
                     m_hat and sqrt(v_hat) after one gradient?"
                )
            });
        }

        let mut w = [1.0, -2.0];
        step(&USUAL, 0.5, 7, &mut w, &[0.0, 0.0], &mut [0.0; 2], &mut [0.0; 2]);
        p.see("w = [1, -2] after a step whose gradient was always 0, lr 0.5, decay 0.1", &w[..]);

        // Gradients of several sizes, a large eps, and averages that go on from step to step.
        let settings = AdamW { beta1: 0.8, beta2: 0.95, eps: 0.1, weight_decay: 0.5 };
        let (mut w, mut m, mut v) = (vec![0.5, -1.0, 2.0], vec![0.0; 3], vec![0.0; 3]);
        for t in 1..=6 {
            let x = f64::from(t);
            let g = [x.sin(), 10.0 * (2.0 * x).cos(), 0.01 * (x - 2.0)];
            step(&settings, 0.02, t, &mut w, &g, &mut m, &mut v);
            p.see(
                format!("w after step {t}: beta1 0.8, beta2 0.95, eps 0.1, decay 0.5"),
                w.clone(),
            );
        }
        p.see("m after step 6", m);
        p.see("v after step 6", v);
    });
}
