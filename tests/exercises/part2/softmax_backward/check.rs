//! What `jacobian` and `softmax_backward` are asked.

use super::answer::{jacobian, softmax_backward};
use exercises::probe::Probe;
use stage01_bigram::loss::softmax_in_place;

fn softmax(scores: &[f64]) -> Vec<f64> {
    let mut p = scores.to_vec();
    softmax_in_place(&mut p);
    p
}

/// How the loss, the dot product of the weights with dp, moves with score j: by nudging.
fn nudged(scores: &[f64], dp: &[f64], j: usize) -> f64 {
    let at = |h: f64| -> f64 {
        let mut scores = scores.to_vec();
        scores[j] += h;
        softmax(&scores).iter().zip(dp).map(|(p, dp)| p * dp).sum()
    };
    (at(1e-4) - at(-1e-4)) / 2e-4
}

pub fn probe(p: &mut Probe) {
    let rows = [vec![0.0, 3f64.ln()], vec![1.0, -0.5, 0.25, 2.0], vec![3.0], vec![0.0, 0.0, 50.0]];
    p.part("jacobian", |p| {
        for scores in &rows {
            let weights = softmax(scores);
            let found = jacobian(&weights);
            let n = scores.len();
            p.rule(found.dim() == (n, n), || {
                format!("{n} weights gave a table of {:?}, and must give {:?}", found.dim(), (n, n))
            });
            let sum = found.row(0).sum();
            p.rule(sum.abs() < 1e-9, || {
                format!(
                    "for the weights {weights:.3?}, the first row of the Jacobian adds up to \
                     {sum:.4}, and must add up to 0: raising all scores alike moves nothing"
                )
            });
            p.see(format!("the Jacobian for the weights {weights:.3?}"), found);
        }
    });

    p.part("softmax_backward", |p| {
        for (scores, dp) in rows.iter().zip([
            vec![4.0, 8.0],
            vec![1.0, -2.0, 0.5, 3.0],
            vec![5.0],
            vec![1.0, 2.0, 3.0],
        ]) {
            let weights = softmax(scores);
            let found = softmax_backward(&weights, &dp);
            p.rule(found.len() == dp.len(), || {
                format!("{} weights gave {} derivatives", dp.len(), found.len())
            });
            let sum: f64 = found.iter().sum();
            p.rule(sum.abs() < 1e-9, || {
                format!(
                    "p = {weights:.3?}, dp = {dp:?}: the derivatives of the scores add up to \
                     {sum:.4}, and must add up to 0. What one score wins, the others lose: where \
                     does your formula compare a weight with the others"
                )
            });
            for (j, &found) in found.iter().enumerate().take(dp.len()) {
                let nudged = nudged(scores, &dp, j);
                p.rule((found - nudged).abs() < 1e-6, || {
                    format!(
                        "p = {weights:.3?}, dp = {dp:?}: ds[{j}] is {found:.4}, and a nudge gives \
                         {nudged:.4}: the two must agree"
                    )
                });
            }
            p.see(format!("ds for p = {weights:.3?} and dp = {dp:?}"), found);
        }
    });
}
