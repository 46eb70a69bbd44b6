//! What `training_step` is asked.

use super::answer::training_step;
use exercises::probe::{Part, Probe};

/// The losses and gradients of some micro-batches.
type Batches = Vec<(f64, Vec<f64>)>;

pub fn probe(p: &mut Probe) {
    p.part("training_step", |p| {
        let paper = vec![(3.0, vec![1.0, 0.0]), (5.0, vec![3.0, 2.0])];
        ask(p, "the paper example", &paper, vec![0.0; 2]);
        ask(
            p,
            "one micro-batch, and a gradient of the step before",
            &paper[..1].to_vec(),
            vec![7.0; 2],
        );
        let entry = |i: usize, j: usize| ((5 * i + 3 * j * j) % 11) as f64 / 4.0 - 1.0;
        let four =
            (0..4).map(|i| (2.0 + entry(i, 1), (0..5).map(|j| entry(i, j)).collect())).collect();
        ask(p, "four micro-batches, and a gradient of the step before", &four, vec![-3.0; 5]);
    });
}

fn ask(p: &mut Part, what: &str, batches: &Batches, mut grads: Vec<f64>) {
    let (mut calls, mut updates) = (Vec::new(), Vec::new());
    let mut forward_backward = |i: usize, scale: f64, grads: &mut [f64]| {
        calls.push(i);
        // A micro-batch that there is not has no loss and no gradient.
        let Some((loss, gradient)) = batches.get(i) else { return 0.0 };
        for (sum, g) in grads.iter_mut().zip(gradient) {
            *sum += scale * g;
        }
        *loss
    };
    let mut update = |grads: &mut [f64]| updates.push(grads.to_vec());
    let loss = training_step(batches.len(), &mut grads, &mut forward_backward, &mut update);
    p.see(format!("{what}: the micro-batches that were read"), calls);
    p.see(format!("{what}: how often the weights were updated"), updates.len());
    let n = batches.len() as f64;
    let mean = |j: usize| batches.iter().map(|(_, gradient)| gradient[j]).sum::<f64>() / n;
    let whole: Vec<f64> = (0..grads.len()).map(mean).collect();
    let update = updates.pop().unwrap_or_default();
    let same =
        update.len() == whole.len() && update.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-9);
    p.rule(same, || {
        format!(
            "{what}: the update got the gradient {update:.3?}, and the mean over the {n} \
             micro-batch(es) is {whole:.3?}. What was in the buffer before the first of them, and \
             by what is each scaled?"
        )
    });
    p.see(format!("{what}: the gradient of the last update"), update);
    p.see(format!("{what}: the loss"), loss);
}
