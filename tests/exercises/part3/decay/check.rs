//! What `decay` is asked.

use super::answer::Optimiser;
use exercises::probe::Probe;
use exercises::value::short;

pub fn probe(p: &mut Probe) {
    p.part("without decay", |p| {
        let (mut optimiser, mut w) = (Optimiser::new(3, 0.0), [1.0, -2.0, 0.5]);
        for t in 1..=5 {
            let x = f64::from(t);
            optimiser.step(0.01, &mut w, &[4.0, x.sin(), 0.004 * x]);
            p.see(format!("three weights after step {t}"), &w[..]);
        }
    });
    p.part("with decay", |p| {
        let mut w = [1.0];
        Optimiser::new(1, 0.1).step(0.01, &mut w, &[0.0]);
        p.rule((w[0] - 0.999).abs() < 1e-9, || {
            format!(
                "a weight of 1 with the gradient 0 is {} after a step with lr 0.01 and decay \
                 0.1, and must be 0.999: what is the pull of the decay divided by, on its way \
                 to the weight?",
                short(w[0])
            )
        });
        p.see("a weight of 1 with the gradient 0, after a step", w[0]);
        let (mut optimiser, mut w) = (Optimiser::new(2, 0.5), [1.0, 1.0]);
        for t in 1..=60 {
            // Gradients that only shake: without the decay both weights would stay near 1.
            let sign = if t % 2 == 0 { 1.0 } else { -1.0 };
            optimiser.step(0.01, &mut w, &[10.0 * sign, 0.01 * sign]);
            if t % 20 == 0 {
                p.see(format!("shaking by 10 and by 0.01, after {t} steps"), &w[..]);
            }
        }
    });
}
