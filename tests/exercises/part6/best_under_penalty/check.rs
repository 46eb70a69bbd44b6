//! What the best answers under a penalty are asked.

use super::answer::{best, difference_of_rewards};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let ln_2 = 2f64.ln();
    let (q, rewards) = ([0.5, 0.25, 0.25], [0.0, ln_2, 2.0 * ln_2]);
    p.part("best", |p| {
        for beta in [1.0, 0.5, 4.0] {
            let found = best(&q, &rewards, beta);
            p.see(format!("the example for paper, beta {beta}"), found.clone());
            let sum: f64 = found.iter().sum();
            p.rule((sum - 1.0).abs() < 1e-9, || {
                format!("the probabilities add up to {sum:.3}, and must add up to 1")
            });
        }
        p.see("all rewards equal", best(&[0.1, 0.2, 0.7], &[3.0; 3], 0.1));
    });
    p.part("difference_of_rewards", |p| {
        let best = [0.25, 0.25, 0.5];
        p.see("the example for paper", difference_of_rewards(&q, &best, 1.0, 2, 0));
        p.see("beta 1/2", difference_of_rewards(&q, &best, 0.5, 1, 0));
        p.see("the other way round", difference_of_rewards(&q, &best, 2.0, 0, 2));
        p.see("nothing was learned", difference_of_rewards(&q, &q, 1.0, 0, 1));
    });
}
