//! Find the bug: a loss that never settles.
//!
//! This file trains the table of the chapter: row a has the logits of what comes after token a,
//! and all begin at 0. `add_gradient` adds the gradient of the mean loss of some examples to
//! `gradient`, and `train` walks downhill with it:
//!
//!   z ← z − rate · dL/dz
//!
//! On abracadabra, with rate 10, the chapter's walk is the upper line. The lower one is what
//! this file prints:
//!
//!   step           0       1       2       3      10      20     100     200
//!   the chapter    1.6094  0.8326  0.6432  0.5685  0.4606  0.4381  0.4203  0.4181
//!   this file      1.6094  0.8326  0.5342  0.4327  0.4506  0.4381  0.4177  0.4664
//!
//! The first step is right, and the next ones are even better. But then the loss goes up and
//! down, and it does not come to rest, however small the rate is. The nudges were asked, too:
//! for one call of `add_gradient` with a gradient of zeros they agree.
//!
//! Find the line that is missing or wrong.

use ndarray::Array2;
use stage01_bigram::loss::plain::softmax;

/// Adds the gradient of the mean loss of these examples to `gradient`, and returns that loss.
/// table, gradient: (V, V); inputs, targets: (examples).
pub fn add_gradient(
    table: &Array2<f64>,
    inputs: &[u32],
    targets: &[u32],
    gradient: &mut Array2<f64>,
) -> f64 {
    let scale = 1.0 / inputs.len() as f64;
    let mut loss = 0.0;
    for (&a, &y) in inputs.iter().zip(targets) {
        let (a, y) = (a as usize, y as usize);
        let p = softmax(&table.row(a).to_vec());
        loss -= scale * p[y].ln();
        for i in 0..p.len() {
            gradient[[a, i]] += scale * p[i];
        }
        gradient[[a, y]] -= scale;
    }
    loss
}

/// Trains a table of zeros. Returns it, and the loss before each step.
pub fn train(
    inputs: &[u32],
    targets: &[u32],
    vocab_size: usize,
    rate: f64,
    steps: usize,
) -> (Array2<f64>, Vec<f64>) {
    let mut table = Array2::zeros((vocab_size, vocab_size));
    let mut gradient = Array2::zeros((vocab_size, vocab_size));
    let mut losses = Vec::new();
    for _ in 0..steps {
        gradient.fill(0.0);
        losses.push(add_gradient(&table, inputs, targets, &mut gradient));
        table.scaled_add(-rate, &gradient);
    }
    (table, losses)
}
