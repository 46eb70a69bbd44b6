//! What `top_k` is asked.

use super::answer::top_k;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("top_k", |p| {
        let long: Vec<f64> = (0..30).map(|i| 4.0 * (2.3 * i as f64).sin() - 5.0).collect();
        let asked = [
            (vec![1.0, 4.0, 2.0, 3.0], 2),
            (vec![1.0, 4.0, 2.0, 3.0], 1),
            (vec![-1.0, -4.0, -2.0, -3.0], 3),
            (vec![5.0, 2.0, 5.0, 5.0, 1.0], 2),
            (vec![1.0, 2.0, 3.0], 3),
            (vec![1.0, 2.0, 3.0], 200),
            (long, 8),
        ];
        for (logits, k) in asked {
            let found = top_k(&logits, k);
            let what = match logits.len() {
                30 => "30 logits".into(),
                _ => format!("{logits:?}"),
            };
            p.rule(found.len() == logits.len(), || {
                format!(
                    "{} logits became {}. The place of a logit is the number of its token, so all \
                     places must stay: what do you put where a token is ruled out?",
                    logits.len(),
                    found.len()
                )
            });
            let left = found.iter().filter(|z| **z > f64::NEG_INFINITY).count();
            let expected = k.min(logits.len());
            p.rule(left == expected, || {
                format!(
                    "top-{k} of {what} leaves {left} tokens that can be drawn, and must leave \
                     {expected}: what have the others become, and what is exp of it?"
                )
            });
            p.see(format!("top-{k} of {what}"), found);
        }
    });
}
