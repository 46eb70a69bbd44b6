//! What `never_settles` is asked.

use super::answer::{add_gradient, train};
use exercises::probe::Probe;
use ndarray::Array2;
use stage01_bigram::loss::plain::cross_entropy;

const ABRACADABRA: [u32; 11] = [0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0];

/// The mean loss of the examples, and its derivative for each number by a nudge to both sides.
fn nudged(table: &Array2<f64>, inputs: &[u32], targets: &[u32]) -> Array2<f64> {
    const H: f64 = 1e-5;
    let loss = |table: &Array2<f64>| -> f64 {
        let of = |(&a, &y): (&u32, &u32)| {
            cross_entropy(&table.row(a as usize).to_vec(), y as usize) / inputs.len() as f64
        };
        inputs.iter().zip(targets).map(of).sum()
    };
    Array2::from_shape_fn(table.dim(), |place| {
        let (mut up, mut down) = (table.clone(), table.clone());
        up[place] += H;
        down[place] -= H;
        (loss(&up) - loss(&down)) / (2.0 * H)
    })
}

pub fn probe(p: &mut Probe) {
    let (inputs, targets) = (&ABRACADABRA[..10], &ABRACADABRA[1..]);
    p.part("add_gradient", |p| {
        let table = Array2::from_shape_fn((5, 5), |(a, i)| (1.3 * (5 * a + i) as f64).sin());
        let mut gradient = Array2::zeros((5, 5));
        let loss = add_gradient(&table, inputs, targets, &mut gradient);
        let slopes = nudged(&table, inputs, targets);
        for ((place, found), slope) in gradient.indexed_iter().zip(&slopes) {
            p.rule((found - slope).abs() < 1e-6, || {
                format!(
                    "the gradient at row {}, column {} is {found:.4}. A nudge of that number moves \
                     the loss by {slope:.4} for each unit, and the two must agree",
                    place.0, place.1
                )
            });
        }
        p.see("the loss of the ten examples", loss);
        p.see("their gradient", gradient.clone());
        add_gradient(&table, inputs, targets, &mut gradient);
        p.see("the gradient after a second call, which adds to it", gradient);
    });
    p.part("train", |p| {
        let (table, losses) = train(inputs, targets, 5, 10.0, 201);
        p.see("the loss before each of 201 steps, rate 10", losses.clone());
        let rises = losses.windows(2).position(|pair| pair[1] > pair[0] + 1e-9);
        p.rule(rises.is_none(), || {
            let at = rises.unwrap_or(0);
            format!(
                "with rate 10 the loss rises from {:.4} to {:.4} in step {}. All ten examples are \
                 in every step, so it must fall in each: is what the step uses the gradient of \
                 this step?",
                losses[at],
                losses[at + 1],
                at + 1
            )
        });
        p.see("the table after them", table);
        p.see("the loss before each of 50 steps, rate 0.3", train(inputs, targets, 5, 0.3, 50).1);
    });
}
