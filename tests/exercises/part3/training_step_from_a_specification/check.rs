//! What a training step from a specification is asked.

use super::answer::{Model, Settings, step};
use exercises::probe::Probe;

/// Settings with which the first moment is the gradient, and no weight moves.
const STILL: Settings =
    Settings { lr: 0.0, beta1: 0.0, beta2: 0.9, eps: 1e-8, weight_decay: 0.1, grad_clip: 1e9 };

/// The settings of a training.
const USUAL: Settings =
    Settings { lr: 0.05, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 };

fn model(vocabulary: usize, columns: usize, weights: Vec<f64>) -> Model {
    let zeros = vec![0.0; weights.len()];
    Model { vocabulary, columns, weights, m: zeros.clone(), v: zeros, t: 0 }
}

fn paper() -> Model {
    model(2, 1, vec![1.0, 2.0, 1.0, -1.0, 0.0, 0.0])
}

/// V = 5, C = 3.
fn larger() -> Model {
    model(5, 3, (0..35).map(|i| ((i * i + 3 * i) % 13) as f64 / 10.0 - 0.6).collect())
}

const INPUTS: [u32; 6] = [0, 1, 3, 1, 4, 1];
const TARGETS: [u32; 6] = [1, 3, 1, 4, 0, 2];

/// The mean loss of the specification.
fn right(model: &Model, weights: &[f64]) -> f64 {
    let (v, c) = (model.vocabulary, model.columns);
    let one = |(&input, &target): (&u32, &u32)| {
        let score = |a: usize| {
            let product = |k: usize| weights[input as usize * c + k] * weights[v * c + k * v + a];
            weights[2 * v * c + a] + (0..c).map(product).sum::<f64>()
        };
        (0..v).map(|a| score(a).exp()).sum::<f64>().ln() - score(target as usize)
    };
    INPUTS.iter().zip(&TARGETS).map(one).sum::<f64>() / INPUTS.len() as f64
}

pub fn probe(p: &mut Probe) {
    p.part("the loss", |p| {
        p.see("the loss of the example", step(&mut paper(), &STILL, &[0], &[1]));
        p.see("the mean loss of six tokens", step(&mut larger(), &STILL, &INPUTS, &TARGETS));
        let mut large = model(2, 1, vec![1000.0, -1000.0, 1.0, -1.0, 0.0, 0.5]);
        p.see("the loss of scores of 1000", step(&mut large, &STILL, &[0, 1], &[0, 0]));
    });

    p.part("the gradient", |p| {
        let mut one = paper();
        step(&mut one, &STILL, &[0], &[1]);
        p.see("m of the example after a step with beta1 = 0: the gradient", one.m);
        let mut six = larger();
        step(&mut six, &STILL, &INPUTS, &TARGETS);
        p.see("the same for six tokens", six.m.clone());
        for (i, &found) in six.m.iter().enumerate().take(35) {
            let (h, start) = (1e-5, larger());
            let at = |nudge: f64| {
                let mut weights = start.weights.clone();
                weights[i] += nudge;
                right(&start, &weights)
            };
            let nudged = (at(h) - at(-h)) / (2.0 * h);
            p.rule((found - nudged).abs() < 1e-6, || {
                let (table, at) = match i {
                    0..15 => ("E", [i / 3, i % 3]),
                    15..30 => ("W", [(i - 15) / 5, (i - 15) % 5]),
                    _ => ("b", [i - 30, 0]),
                };
                format!(
                    "the derivative for weight {i}, which is {table} at {at:?}, is {found:.6}, and \
                     a nudge gives {nudged:.6}. Where does this weight take part in L, and are all \
                     of these uses added?"
                )
            });
        }
    });

    p.part("clipping", |p| {
        for grad_clip in [0.5, 0.1, 10.0] {
            let mut six = larger();
            step(&mut six, &Settings { grad_clip, ..STILL }, &INPUTS, &TARGETS);
            let norm = six.m.iter().map(|m| m * m).sum::<f64>().sqrt();
            p.rule(norm <= grad_clip + 1e-9, || {
                format!(
                    "with grad_clip = {grad_clip} the gradient norm is {norm:.4}, and must be no \
                     larger. Is the norm that of all weights together?"
                )
            });
            p.see(format!("the gradient of six tokens, grad_clip = {grad_clip}"), six.m);
        }
    });

    p.part("the update", |p| {
        let mut one = paper();
        step(&mut one, &USUAL, &[0], &[1]);
        p.see("the weights of the example after a step", one.weights);
        let mut six = larger();
        step(&mut six, &USUAL, &INPUTS, &TARGETS);
        p.see("m of the larger model after a step", six.m.clone());
        p.see("v of the larger model after a step", six.v.clone());
        p.see("its weights after a step", six.weights.clone());
        step(&mut six, &USUAL, &INPUTS[..3], &TARGETS[..3]);
        p.see("its weights after a second step", six.weights);
        let mut six = larger();
        step(&mut six, &Settings { eps: 0.01, ..USUAL }, &INPUTS, &TARGETS);
        p.see("its weights after a step with eps = 0.01", six.weights);
        p.see("how many steps were counted", six.t);
    });

    p.part("a training", |p| {
        let mut model = larger();
        let losses: Vec<f64> =
            (0..40).map(|_| step(&mut model, &USUAL, &INPUTS, &TARGETS)).collect();
        p.see("the loss before each of forty steps", losses);
        p.see("the weights after them", model.weights);
    });
}
