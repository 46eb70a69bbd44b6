//! What `layer_norm_backward` is asked.

use super::answer::layer_norm_backward;
use super::given::layer_norm::layer_norm;
use exercises::probe::Probe;
use ndarray::{Array1, Array2, array};

pub fn probe(p: &mut Probe) {
    let x = Array2::from_shape_fn((3, 4), |(i, j)| ((5 * i + 3 * j * j) % 7) as f64 - 1.5);
    let dy = Array2::from_shape_fn((3, 4), |(i, j)| ((2 * i + 5 * j) % 9) as f64 / 4.0 - 0.8);
    let gamma = array![0.5, 1.5, -1.0, 2.0];

    p.part("the gradient of x", |p| {
        let (mut dgamma, mut dbeta) = (Array1::zeros(3), Array1::zeros(3));
        let (row, first, ones) =
            (array![[1.0, 2.0, 3.0]], array![[1.0, 0.0, 0.0]], Array1::ones(3));
        let dx = layer_norm_backward(&row, &ones, &first, &mut dgamma, &mut dbeta);
        p.see("dx for x = (1, 2, 3), scales 1 and dy = (1, 0, 0)", dx);

        let (mut dgamma, mut dbeta) = (Array1::zeros(4), Array1::zeros(4));
        let dx = layer_norm_backward(&x, &gamma, &dy, &mut dgamma, &mut dbeta);
        p.see("dx for three rows of four numbers, scales 0.5, 1.5, -1, 2", dx.clone());
        p.rule(dx.dim() == x.dim(), || {
            format!("x has the shape {:?} and dx has {:?}. Both must be alike", x.dim(), dx.dim())
        });
        for (i, row) in dx.rows().into_iter().enumerate() {
            p.rule(row.sum().abs() < 1e-9, || {
                format!(
                    "row {i} of dx adds up to {:.4}, and must add up to 0: adding the same \
                     number to all of x changes nothing. Is the mean of g subtracted?",
                    row.sum()
                )
            });
        }
        let loss = |x: &Array2<f64>| (layer_norm(x, &gamma, &Array1::zeros(4)) * &dy).sum();
        for (place, &found) in dx.indexed_iter().filter(|_| dx.dim() == x.dim()) {
            let nudged = nudge(&x, place, loss);
            p.rule((found - nudged).abs() < 1e-6, || {
                format!(
                    "dx at {place:?} is {found:.6}, and a nudge of x there gives {nudged:.6}. A \
                     nudge takes three ways: directly, through the mean, and through the standard \
                     deviation. Is there a term for each, and r in front of all?"
                )
            });
        }
    });

    p.part("the gradients of scale and shift", |p| {
        let (mut dgamma, mut dbeta) = (Array1::zeros(4), Array1::zeros(4));
        layer_norm_backward(&x, &gamma, &dy, &mut dgamma, &mut dbeta);
        p.see("dgamma after a call, from zero", dgamma.clone());
        p.see("dbeta after a call, from zero", dbeta.clone());
        let (once, gamma_row) = (dgamma.clone(), gamma.clone().insert_axis(ndarray::Axis(0)));
        let loss = |gamma: &Array2<f64>| {
            (layer_norm(&x, &gamma.row(0).to_owned(), &Array1::zeros(4)) * &dy).sum()
        };
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
        layer_norm_backward(&x, &gamma, &dy, &mut dgamma, &mut dbeta);
        p.see("dgamma after a second call", dgamma);
        p.see("dbeta after a second call", dbeta);
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
