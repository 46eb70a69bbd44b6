//! What `cross_entropy_backward` is asked.

use super::answer::cross_entropy_backward;
use exercises::probe::Probe;
use stage01_bigram::loss::plain::cross_entropy;

/// The derivative of the loss for each logit, by a nudge to both sides.
fn nudged(logits: &[f64], target: usize) -> Vec<f64> {
    const H: f64 = 1e-5;
    let slope = |i: usize| {
        let (mut up, mut down) = (logits.to_vec(), logits.to_vec());
        up[i] += H;
        down[i] -= H;
        (cross_entropy(&up, target) - cross_entropy(&down, target)) / (2.0 * H)
    };
    (0..logits.len()).map(slope).collect()
}

pub fn probe(p: &mut Probe) {
    p.part("cross_entropy_backward", |p| {
        let paper = vec![0.0, 2f64.ln(), 3f64.ln()];
        let row: Vec<f64> = (0..10).map(|i| 3.0 * (1.7 * i as f64).sin()).collect();
        let asked = [
            ("the logits 0, ln 2, ln 3", &paper, 2),
            ("the logits 0, ln 2, ln 3", &paper, 0),
            ("four equal logits", &vec![3.0; 4], 1),
            ("ten logits", &row, 7),
            ("the logits 1000, 1001", &vec![1000.0, 1001.0], 0),
            ("the logits −1000, −1001", &vec![-1000.0, -1001.0], 0),
            ("the logits 40, 0, 0", &vec![40.0, 0.0, 0.0], 0),
        ];
        for (name, logits, target) in asked {
            let found = cross_entropy_backward(logits, target);
            let slopes = nudged(logits, target as usize);
            for (i, (found, slope)) in found.iter().zip(&slopes).enumerate() {
                p.rule((found - slope).abs() < 1e-6, || {
                    format!(
                        "{name}, target {target}: you give {found:.4} for logit {i}. A nudge of \
                         that logit moves the loss by {slope:.4} for each unit, and the gradient \
                         must say the same: is it the logit of what came, or of another token?"
                    )
                });
            }
            let sum: f64 = found.iter().sum();
            p.rule(sum.abs() < 1e-9, || {
                format!(
                    "{name}, target {target}: the derivatives add up to {sum:.4}, and must add up \
                     to 0, because the same number added to every logit changes no probability"
                )
            });
            p.see(format!("the gradient of {name}, target {target}"), found);
        }
    });
}
