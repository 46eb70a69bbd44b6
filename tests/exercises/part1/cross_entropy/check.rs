//! What `cross_entropy` is asked.

use super::answer::cross_entropy;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("cross_entropy", |p| {
        let paper = [0.0, 2f64.ln(), 3f64.ln()];
        for target in [2, 1, 0] {
            let found = cross_entropy(&paper, target);
            p.see(format!("the loss of the logits 0, ln 2, ln 3, target {target}"), found);
        }
        for size in [2, 73] {
            let found = cross_entropy(&vec![0.0; size], 1);
            let expected = (size as f64).ln();
            p.rule((found - expected).abs() < 1e-9, || {
                format!(
                    "{size} equal logits give the loss {found:.4}, and must give ln {size} = \
                     {expected:.4}: knowing nothing costs ln V. What does each step of yours make \
                     of logits that are all 0?"
                )
            });
            p.see(format!("the loss of {size} logits of 0"), found);
        }
        let logits: Vec<f64> = (0..10).map(|i| 3.0 * (1.7 * i as f64).sin()).collect();
        let shifted: Vec<f64> = logits.iter().map(|z| z + 5.0).collect();
        for target in [0, 4, 9] {
            let (found, other) = (cross_entropy(&logits, target), cross_entropy(&shifted, target));
            p.see(format!("the loss of 10 logits, target {target}"), found);
            p.rule((found - other).abs() < 1e-9, || {
                format!(
                    "with 5 added to every logit the loss {found:.4} became {other:.4}, and must \
                     stay as it was: do you subtract the largest logit in both parts of the \
                     equation?"
                )
            });
        }
        let far = [0.0, 1000.0, -1000.0];
        for target in [1, 0, 2] {
            let found = cross_entropy(&far, target);
            p.rule(found.is_finite(), || {
                format!(
                    "the logits {far:?} with the target {target} give the loss {found}, and must \
                     give an ordinary number: which exp became infinite, or which probability 0?"
                )
            });
            p.see(format!("the loss of {far:?}, target {target}"), found);
        }
        let low = [-1000.0, -1001.0];
        p.see(format!("the loss of {low:?}, target 0"), cross_entropy(&low, 0));
        let filtered = [1.0, f64::NEG_INFINITY, 1.0];
        p.see("the loss of the logits 1, −∞, 1, target 2", cross_entropy(&filtered, 2));
    });
}
