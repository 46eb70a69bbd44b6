//! What a gradient check of a model is asked.

use super::answer::{largest_errors, nudge};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("nudge", |p| {
        let (mut weights, mut asked) = (vec![3.0, 2.0, -1.0], Vec::new());
        let found = nudge(&mut weights, 1, 1.0, &mut |w| {
            asked.push(w.to_vec());
            w[0] + w[1] * w[1] * w[1]
        });
        p.see("the derivative of w[0] + the cube of w[1], w[1] = 2, h = 1", found);
        p.see("how often the loss was asked", asked.len());
        p.rule(weights == [3.0, 2.0, -1.0], || {
            format!(
                "afterwards the weights are {weights:?}, and must be [3.0, 2.0, -1.0] again. Which \
                 of them has not been put back?"
            )
        });
        let moved = asked.iter().find(|w| w.len() == 3 && (w[0] != 3.0 || w[2] != -1.0));
        p.rule(moved.is_none(), || {
            format!(
                "weight 1 was nudged, and the loss was asked at {:?}. The other weights must stay \
                 3 and -1. Whose derivative would that be?",
                moved.cloned().unwrap_or_default()
            )
        });
        p.see("the weights afterwards", weights);
        let bent = nudge(&mut [0.5], 0, 0.5, &mut |w| (2.0 * w[0]).exp());
        p.see("the derivative of exp(2 w) at 0.5, h = 0.5", bent);
    });

    p.part("largest_errors", |p| {
        let found = largest_errors(&[2, 1], &[5.0, 6.0, 1.0], &[5.0, 3.0, 1.0], 1e-4);
        p.see("the errors of (5, 6) and (1), nudges (5, 3) and (1)", found);
        let gradient = [1.0, -2.0, 0.5, -4.0, 3.0, 1e-12, 0.0, 0.25, -0.5];
        let nudged = [1.01, 2.0, 0.5, -5.0, 3.0, -1e-12, 0.0, 0.5, -0.5];
        let found = largest_errors(&[3, 2, 2, 2], &gradient, &nudged, 1e-4);
        p.see("the errors of four tensors, floor 0.0001", found);
        let found = largest_errors(&[4, 5], &gradient, &nudged, 10.0);
        p.see("the errors of two tensors, floor 10", found);
    });
}
