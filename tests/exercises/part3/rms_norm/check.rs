//! What RMSNorm is asked.

use super::answer::{rms_norm, rms_norm_backward};
use exercises::probe::Probe;

fn right(x: &[f64], gamma: &[f64]) -> Vec<f64> {
    let square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter().zip(gamma).map(|(x, gamma)| x / (square + 1e-5).sqrt() * gamma).collect()
}

pub fn probe(p: &mut Probe) {
    let x = [2.0, -1.0, 0.5, 3.5, -0.25];
    let gamma = [1.0, 0.5, -1.0, 2.0, 1.5];

    p.part("rms_norm", |p| {
        p.see("the row (3, 4) with the scales 1", rms_norm(&[3.0, 4.0], &[1.0; 2]));
        let y = rms_norm(&x, &[1.0; 5]);
        let square = y.iter().map(|y| y * y).sum::<f64>() / 5.0;
        p.rule((square - 1.0).abs() < 1e-3, || {
            format!(
                "with the scales 1, the mean of the squares of y is {square:.4} for {x:?}, and \
                 must be 1. By what is each number divided?"
            )
        });
        p.see(format!("the row {x:?} with the scales 1"), y);
        p.see(format!("the same row with the scales {gamma:?}"), rms_norm(&x, &gamma));
        p.see("a row of small numbers", rms_norm(&[0.001, 0.002], &[1.0; 2]));
        p.see("a row of zeros", rms_norm(&[0.0; 2], &[1.0; 2]));
    });

    p.part("rms_norm_backward", |p| {
        let dx = rms_norm_backward(&[3.0, 4.0], &[1.0; 2], &[1.0, 0.0], &mut [0.0; 2]);
        p.see("dx for x = (3, 4), scales 1, dy = (1, 0)", dx);
        let (dy, mut dgamma) = ([0.5, 1.0, -2.0, 0.25, 1.5], vec![0.0; 5]);
        let dx = rms_norm_backward(&x, &gamma, &dy, &mut dgamma);
        p.see("dx for a row of five", dx.clone());
        p.see("dgamma for a row of five", dgamma.clone());
        let loss = |x: &[f64]| right(x, &gamma).iter().zip(&dy).map(|(y, d)| y * d).sum::<f64>();
        for (j, found) in dx.iter().enumerate().take(5) {
            let (mut up, mut down, h) = (x, x, 1e-6);
            up[j] += h;
            down[j] -= h;
            let nudged = (loss(&up) - loss(&down)) / (2.0 * h);
            p.rule((found - nudged).abs() < 1e-6, || {
                format!(
                    "dx[{j}] is {found:.6}, and a nudge of x[{j}] gives {nudged:.6}. Two ways lead \
                     from x to y here. Is there a term for each, and r in front of both?"
                )
            });
        }
        rms_norm_backward(&x, &gamma, &dy, &mut dgamma);
        p.see("dgamma after a second call", dgamma);
    });
}
