//! What `softmax` is asked.

use super::answer::softmax;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("softmax", |p| {
        let asked = [
            vec![0.0, 2f64.ln(), 3f64.ln()],
            vec![1.0, 2.0, 3.0],
            vec![-1.0, 0.0, 4.0, 2.5],
            vec![3.0; 4],
            vec![1000.0, 1001.0],
            vec![-1000.0, -1001.0],
            vec![1.0, f64::NEG_INFINITY, 1.0],
        ];
        for logits in asked {
            let found = softmax(&logits);
            let sum: f64 = found.iter().sum();
            p.rule((sum - 1.0).abs() < 1e-9, || {
                format!(
                    "the probabilities of the logits {logits:?} add up to {sum}, and must add up \
                     to 1: what was each exponential divided by?"
                )
            });
            p.see(format!("softmax of {logits:?}"), found);
        }
    });
}
