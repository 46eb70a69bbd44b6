//! What `relative_error` and `gradient_check` are asked.

use super::answer::{gradient_check, relative_error};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("relative_error", |p| {
        for (analytic, numeric) in
            [(-3.0, -6.0), (6.0, 3.0), (2.0, -2.0), (0.02, 0.01), (1000.0, 1000.01), (0.0, 5.0)]
        {
            let what = format!("relative_error of {analytic} and {numeric}");
            p.see(what, relative_error(analytic, numeric));
        }
        p.see("relative_error of 0 and 0", relative_error(0.0, 0.0));
    });
    p.part("gradient_check", |p| {
        // The loss of the chapter: inputs (2, 1), target 5. At (1, 0) the gradient is (-12, -6).
        let loss = |w: &[f64]| (2.0 * w[0] + w[1] - 5.0).powi(2);
        let mut w = [1.0, 0.0];
        p.see("the gradient (-12, -3) for (-12, -6)", gradient_check(&mut w, &[-12.0, -3.0], loss));
        p.see("the weights (1, 0) after the check", w.to_vec());
        let mut w = [1.0, 0.0];
        p.see("the gradient (-24, -6) for (-12, -6)", gradient_check(&mut w, &[-24.0, -6.0], loss));
        let mut w = [1.0, 0.0];
        let right = gradient_check(&mut w, &[-12.0, -6.0], loss);
        p.rule(right < 1e-6, || {
            format!(
                "for the right gradient (-12, -6) you find an error of {right:.3e}, and it must be \
                 nearly 0. Are the weights at their old values before the next one is nudged?"
            )
        });
        // Curved, with three weights; the gradient is wrong at the first one.
        let loss = |w: &[f64]| w[0] * w[0] * w[1] + w[2].powi(3) - w[1] * w[2];
        let mut w = [2.0, -1.0, 0.5];
        let gradient = [-2.0, 3.5, 1.75];
        p.see("three weights, the first slope wrong", gradient_check(&mut w, &gradient, loss));
        p.see("the three weights after the check", w.to_vec());
    });
}
