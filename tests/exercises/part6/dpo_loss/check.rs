//! What the loss of a pair is asked.

use super::answer::{Pair, gradient, loss, margin};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let ln_2 = 2f64.ln();
    let pair = |[c, r, c_ref, r_ref, beta]: [f64; 5]| Pair { c, r, c_ref, r_ref, beta };
    p.part("margin", |p| {
        let paper = [-3.0, -4.0, -4.0, -3.0, 0.5 / ln_2].map(|x| x * ln_2);
        p.see("the example for paper", margin(pair(paper)));
        p.see("the model is the reference", margin(pair([-7.0, -5.0, -7.0, -5.0, 0.1])));
        p.see("both fell", margin(pair([-9.0, -12.0, -8.0, -6.0, 0.1])));
        p.see("beta 2", margin(pair([-9.0, -2.0, -6.0, -4.0, 2.0])));
    });
    p.part("loss", |p| {
        for z in [ln_2, 0.0, -ln_2, 3.0] {
            p.see(format!("margin {z:.3}"), loss(z));
        }
        for z in [-1000.0, 1000.0] {
            let found = loss(z);
            p.see(format!("margin {z}"), found);
            p.rule(found.is_finite(), || {
                format!("the loss of the margin {z} is {found}; write it without a large exponential")
            });
        }
    });
    p.part("gradient", |p| {
        for (z, beta) in [(ln_2, 0.5), (0.0, 0.5), (-2.0, 0.1), (3.0, 2.0)] {
            p.see(format!("margin {z:.3}, beta {beta}"), gradient(z, beta).to_vec());
        }
    });
}
