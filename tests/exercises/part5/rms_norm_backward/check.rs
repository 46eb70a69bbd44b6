//! What `rms_norm_backward` is asked.

use super::answer::rms_norm_backward;
use super::given::rms_norm::rms_norm;
use exercises::probe::Probe;
use ndarray::{Array1, Array2, array};

pub fn probe(p: &mut Probe) {
    let x = Array2::from_shape_fn((3, 4), |(i, j)| ((5 * i + 3 * j * j) % 7) as f64 - 1.5);
    let dy = Array2::from_shape_fn((3, 4), |(i, j)| ((2 * i + 5 * j) % 9) as f64 / 4.0 - 0.8);
    let gamma = array![0.5, 1.5, -1.0, 2.0];

    p.part("the gradient of x", |p| {
        let (row, second) = (array![[1.0, 5.0, 7.0]], array![[0.0, 1.0, 0.0]]);
        let dx = rms_norm_backward(&row, &Array1::ones(3), &second, &mut Array1::zeros(3));
        p.see("dx for x = (1, 5, 7), scales 1 and dy = (0, 1, 0)", dx);

        let dx = rms_norm_backward(&x, &gamma, &dy, &mut Array1::zeros(4));
        p.see("dx for three rows of four numbers, scales 0.5, 1.5, -1, 2", dx.clone());
        p.rule(dx.dim() == x.dim(), || {
            format!("x has the shape {:?} and dx has {:?}. Both must be alike", x.dim(), dx.dim())
        });
        if dx.dim() != x.dim() {
            return;
        }
        for (i, (dx, x)) in dx.rows().into_iter().zip(x.rows()).enumerate() {
            let along = dx.dot(&x);
            p.rule(along.abs() < 1e-4, || {
                format!(
                    "row {i} of dx times row {i} of x, number by number, adds up to {along:.4}, \
                     and must add up to 0: a row that is twice as long gives the same result. Is \
                     the part of g along n subtracted?"
                )
            });
        }
        let loss = |x: &Array2<f64>| (rms_norm(x, &gamma) * &dy).sum();
        for (place, &found) in dx.indexed_iter() {
            let nudged = nudge(&x, place, loss);
            p.rule((found - nudged).abs() < 1e-6, || {
                format!(
                    "dx at {place:?} is {found:.6}, and a nudge of x there gives {nudged:.6}. Two \
                     ways lead from x to y. Is there a term for each, and r in front of both?"
                )
            });
        }
    });

    p.part("the gradient of the scales", |p| {
        let mut dgamma = Array1::zeros(4);
        rms_norm_backward(&x, &gamma, &dy, &mut dgamma);
        p.see("dgamma after a call, from zero", dgamma.clone());
        let (once, gamma_row) = (dgamma.clone(), gamma.clone().insert_axis(ndarray::Axis(0)));
        let loss = |gamma: &Array2<f64>| (rms_norm(&x, &gamma.row(0).to_owned()) * &dy).sum();
        for j in 0..4 {
            let nudged = nudge(&gamma_row, (0, j), loss);
            p.rule((once[j] - nudged).abs() < 1e-6, || {
                format!(
                    "dgamma[{j}] is {:.6}, and a nudge of gamma[{j}] gives {nudged:.6}. gamma \
                     multiplies n, in every row. Does each row add its dy times its n?",
                    once[j]
                )
            });
        }
        rms_norm_backward(&x, &gamma, &dy, &mut dgamma);
        p.see("dgamma after a second call", dgamma);
    });
}

/// The derivative of the loss for one number of a table, by a nudge in both directions.
fn nudge(at: &Array2<f64>, place: (usize, usize), loss: impl Fn(&Array2<f64>) -> f64) -> f64 {
    let h = 1e-5;
    let (mut up, mut down) = (at.clone(), at.clone());
    up[place] += h;
    down[place] -= h;
    (loss(&up) - loss(&down)) / (2.0 * h)
}
