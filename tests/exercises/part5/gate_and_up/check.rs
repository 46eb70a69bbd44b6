//! What a gated layer with one matrix for gate and up is asked.

use super::answer::{hidden, hidden_backward};
use exercises::probe::Probe;
use ndarray::{Array2, array};

pub fn probe(p: &mut Probe) {
    let x = Array2::from_shape_fn((3, 2), |(i, j)| (2 * i + 3 * j) as f64 / 4.0 - 1.0);
    let gate_up = Array2::from_shape_fn((2, 6), |(i, j)| ((5 * i + 3 * j) % 7) as f64 / 2.0 - 1.25);
    let dh = Array2::from_shape_fn((3, 3), |(i, j)| ((2 * i + 5 * j) % 9) as f64 / 4.0 - 0.8);

    p.part("hidden", |p| {
        let h = hidden(&array![[2.0]], &array![[1.0, 3.0]]);
        p.see("x = (2), gate_up = (1, 3)", h);
        p.see("three rows of three hidden units", hidden(&x, &gate_up));
        let shut = hidden(&array![[1.0]], &array![[-40.0, 3.0]]);
        p.rule(shut.iter().all(|h| h.abs() < 1e-9), || {
            format!(
                "for x = (1) and gate_up = (-40, 3) the hidden unit is {:.4}. The gate is shut at \
                 -40, so it must be 0. Which column is the gate's?",
                shut.sum()
            )
        });
    });

    p.part("hidden_backward", |p| {
        let d = hidden_backward(&x, &gate_up, &dh);
        p.see("the gradient of gate_up", d.clone());
        let loss = |gate_up: &Array2<f64>| (hidden(&x, gate_up) * &dh).sum();
        for (place, &found) in d.indexed_iter().filter(|_| d.dim() == gate_up.dim()) {
            let h = 1e-5;
            let (mut up, mut down) = (gate_up.clone(), gate_up.clone());
            up[place] += h;
            down[place] -= h;
            let nudged = (loss(&up) - loss(&down)) / (2.0 * h);
            p.rule((found - nudged).abs() < 1e-6, || {
                format!(
                    "the gradient at {place:?} is {found:.6}, and a nudge of the weight there \
                     gives {nudged:.6}. Before, they agreed"
                )
            });
        }
    });
}
